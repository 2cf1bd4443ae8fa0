-- Restore: merge facts read from the outcomes into a closed ledger. Each fact may come twice.
-- ARGV[1] the restorer's token, ARGV[2] facts, MessagePack: {kind, offer_id, ...}
if call('GET', base .. 'restorer') ~= ARGV[1] then return { 'FENCED' } end
customers = open_table('customers')
local generations = {}

local facts = {}

function facts.issue(offer, serial, customer_id, customer_key, starts, expires, day)
  offer.issued = max(offer.issued, serial + 1)
  if coupon_of(offer, serial) then return end
  keep_coupon(offer, serial, { customer_id, starts, expires, false, {} })
  local record = customer_of(customer_key)
  local issued = record[CUSTOMER.issued]
  issued[#issued + 1] = serial
  issued[#issued + 1] = day
  keep_customer(customer_key, record)
end

local function use_of(coupon, redemption_id)
  for _, use in ipairs(coupon[COUPON.uses]) do
    if use[USE.redemption_id] == redemption_id then return use end
  end
end

-- What was committed may speak of a coupon or redemption that was decided before it, but lost before
-- it was committed itself. Its serial isn't given again; its redemption counts.
function facts.redeem(offer, serial, redemption_id, customer_id, customer_key, day)
  offer.issued = max(offer.issued, serial + 1)
  local coupon = coupon_of(offer, serial) or { customer_id, 0, false, false, {} }
  if use_of(coupon, redemption_id) then return end
  local uses = coupon[COUPON.uses]
  uses[#uses + 1] = { redemption_id, customer_id, day, false }
  keep_coupon(offer, serial, coupon)
  offer.redeemed = offer.redeemed + 1
  if customer_id ~= '' then
    local record = customer_of(customer_key)
    count_day(record, day, 1)
    keep_customer(customer_key, record)
  end
end

function facts.reverse(offer, serial, redemption_id, customer_key, reversed_by)
  local coupon = coupon_of(offer, serial)
  local use = coupon and use_of(coupon, redemption_id)
  if not use or use[USE.reversed_by] then return end
  use[USE.reversed_by] = reversed_by
  keep_coupon(offer, serial, coupon)
  offer.redeemed = offer.redeemed - 1
  if use[USE.customer_id] ~= '' then
    local record = customer_of(customer_key)
    count_day(record, use[USE.day], -1)
    keep_customer(customer_key, record)
  end
end

function facts.revoke(offer, watermark, closes, serials)
  offer.watermark = max(offer.watermark, watermark)
  offer.issued = max(offer.issued, watermark)
  offer.closed = offer.closed or closes
  for _, serial in ipairs(serials) do
    local coupon = coupon_of(offer, serial)
    offer.issued = max(offer.issued, serial + 1)
    if coupon then
      coupon[COUPON.revoked] = true
      keep_coupon(offer, serial, coupon)
    end
  end
end

-- The highest sequence and the last moments (milliseconds) seen among an offer's outcomes.
function facts.progress(offer, sequence, last_issued, last_redeemed)
  offer.sequence = max(offer.sequence, sequence)
  offer.last_issued = last_issued or offer.last_issued
  offer.last_redeemed = last_redeemed or offer.last_redeemed
end

function facts.request(_, generation, request_key, content, seconds_to_live)
  local table_ = generations[generation]
  if not table_ then
    table_ = open_table('requests:' .. generation, seconds_to_live)
    generations[generation] = table_
  end
  get(table_, request_key)
  put(table_, request_key, content)
end

local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local stamped = {}
local counts = { 'issued', 'redeemed', 'sequence', 'watermark', 'closed' }
local function offer_fact(offer_id, fields)
  if call('HEXISTS', base .. 'offer:' .. offer_id, 'number') == 1 then
    for _, name in ipairs(counts) do fields[name] = nil end    -- other facts have counted already
  end
  stamp = stamp + 1
  fields.stamp = stamp
  stamped[offer_id] = stamp
  for field, value in pairs(fields) do write(base .. 'offer:' .. offer_id, field, value) end
  write(base .. 'offer_codes', fields.offer_code, offer_id)
  for n = 1, #fields.lead - 1 do
    write(base .. 'leads', fields.length .. ':' .. string.sub(fields.lead, 1, n), '+')
  end
  write(base .. 'leads', fields.length .. ':' .. fields.lead, offer_id)
  local claim = fields.claim and unpack_(fields.claim)
  if claim and claim.service == 'outbound' then write(base .. 'campaigns', claim.holder, offer_id) end
end

for _, fact in ipairs(unpack_(ARGV[2])) do
  local kind, offer_id = fact[1], fact[2]
  if kind == 'offer' then
    offer_fact(offer_id, fact[3])
  else
    local offer = offer_of(offer_id)
    if offer then offer.changed = true end
    facts[kind](offer, unpack(fact, 3))
  end
end
for offer_id, at in pairs(stamped) do call('ZADD', base .. 'catalogue', at, offer_id) end
call('SET', base .. 'stamp', stamp)
write_all()
return { 'OK' }
