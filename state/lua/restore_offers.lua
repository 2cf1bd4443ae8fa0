-- What a restore puts back of offers themselves.
-- The highest sequence, the last moments (milliseconds), and how many free codes are gone.
local function progress(offer, sequence, last_issued, last_redeemed, stock)
  offer.changed = true
  local function raise(count, value) offer[count] = max(value, offer[count] or 0) end
  raise(COUNT.sequence, sequence)
  raise(COUNT.taken, stock)
  if last_issued then raise(COUNT.last_issued, last_issued) end
  if last_redeemed then raise(COUNT.last_redeemed, last_redeemed) end
end

-- Offers as the topic `offers` has them ------------------------------------------------------------
local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local numbers = tonumber(call('GET', base .. 'numbers') or '0')
local stamped, removed = {}, {}

-- One that isn't there, or is there in an older version.
local function offer_as_committed(offer_id, fields)
  local key = base .. 'offer:' .. offer_id
  local version, offer_code = unpack(call('HMGET', key, 'version', 'offer_code'))
  if version then
    if not fields.stores then removed[#removed + 1] = key end
    if offer_code ~= fields.offer_code and holder_of('offer_codes', offer_code) == offer_id then
      take('offer_codes', offer_code, false)
    end
  end
  numbers = max(numbers, fields.number)
  stamp = stamp + 1
  fields.stamp = stamp
  stamped[offer_id] = stamp
  local claim = fields.claim and unpack_(fields.claim) or false
  new_rules[offer_id] = rules_of(fields.rules, claim, fields.number, fields.version)
  fields.rules = nil
  for field, value in pairs(fields) do write(key, field, value) end
  take('offer_codes', fields.offer_code, offer_id)
  if fields.lead ~= '' then take_lead(fields.length, fields.lead, offer_id) end
  if claim and claim.service == 'outbound' then take('campaigns', claim.holder, offer_id) end
end
