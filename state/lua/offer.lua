-- Offers: read from Redis when first asked for, written at the end. A table has the counts of COUNT
-- in their order, and by name what else there is; `written`: `issued` as it was, so that no coupon
-- from there on is in Redis. A call may be about as many offers as it has requests: so a table is
-- made at once with room for all of it, and what few need is read when it is needed.
local NO_COUNTS = pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, false, false)
local offers = {}           -- offer_id -> table, or false where there is none
local new_rules = {}        -- offer_id -> those of a version that is to be written

-- The rules of a version: its limits, and what follows from them and the claim (false: none).
local function rules_of(limits, claim, number, version)
  limits[RULE.number], limits[RULE.version] = number, version
  limits[RULE.service], limits[RULE.holder] = claim and claim.service, claim and claim.holder
  limits[RULE.campaign_ends] = claim and claim.ends_at
  limits[RULE.ends] = limits[RULE.with_campaign] and claim and claim.ends_at or limits[RULE.ends_at]
  limits[RULE.last_second] = limits[RULE.service] ~= 'loyalty' and limits[RULE.ends]
  return limits
end

local function new_offer(offer_id, rules, counts)
  local number = text(rules[RULE.number])
  local offer = {
    offer_id = offer_id, number = number, coupons_key = base .. 'coupons:' .. number .. ':',
    rules = rules, uploaded = rules[RULE.codes] == 'uploaded', ranges = false, upload = false,
    coupons = {}, written = 0, changed = false, unpack_(counts or NO_COUNTS),
  }
  offer.written = offer[COUNT.issued]
  return offer
end

-- Answers one of them of which only half is there, if any: an open ledger has both, or neither.
local function read_offers(ids)
  local keys = {}
  for i, offer_id in ipairs(ids) do
    keys[2 * i - 1], keys[2 * i] = base .. 'rules:' .. offer_id, base .. 'counts:' .. offer_id
  end
  local found = get_keys(keys)
  local torn
  for i, offer_id in ipairs(ids) do
    local rules, counts = found[2 * i - 1], found[2 * i]
    offers[offer_id] = rules and new_offer(offer_id, values_of(rules), counts)
    if not rules ~= not counts then torn = offer_id end
  end
  return torn
end

local function offer_of(offer_id)
  if offers[offer_id] == nil then read_offers({ offer_id }) end
  return offers[offer_id]
end

local function hash_of(offer) return base .. 'offer:' .. offer.offer_id end

-- A list or table of the offer's hash.
local function kept_in(offer, field)
  local packed = call('HGET', hash_of(offer), field)
  return packed and unpack_(packed) or {}
end

local function ranges_of(offer)
  offer.ranges = offer.ranges or kept_in(offer, 'ranges')
  return offer.ranges
end

-- Parts of uploads that wait: see parts.lua.
local function upload_of(offer)
  offer.upload = offer.upload or kept_in(offer, 'upload')
  return offer.upload
end

-- How many coupons were issued. Of generated codes `issued` is the next serial, and `skipped` are
-- those below it that a loss made nobody's.
local function total_issued(offer) return offer[COUNT.issued] - offer[COUNT.skipped] end

-- What was decided, by day, kind and result: for people who look at it.
local tallies = {}          -- '<day>:<kind>:<result>' -> offer -> how many
local tallied, tallied_day, tallied_kind, tallied_result     -- those of the last; most are alike
local function tally(offer, day, kind, result, count)
  if day ~= tallied_day or kind ~= tallied_kind or result ~= tallied_result then
    local field = text(day) .. ':' .. kind .. ':' .. result
    tallied_day, tallied_kind, tallied_result = day, kind, result
    tallied = tallies[field] or {}
    tallies[field] = tallied
  end
  tallied[offer] = (tallied[offer] or 0) + count
end

local function write_tallies()
  for field, counted in pairs(tallies) do
    for offer, count in pairs(counted) do
      call('HINCRBY', base .. 'tallies:' .. offer.number, field, count)
    end
  end
end

local function write_offers()
  write_tallies()
  for offer_id, rules in pairs(new_rules) do
    call('SET', base .. 'rules:' .. offer_id, record_of(rules))
  end
  local counts = {}
  for offer_id, offer in pairs(offers) do
    if offer and offer.changed then
      counts[#counts + 1] = base .. 'counts:' .. offer_id
      counts[#counts + 1] = pack(unpack(offer, 1, COUNT.width))
      if offer.new_ranges then write(hash_of(offer), 'ranges', pack(offer.ranges)) end
      if offer.new_upload then write(hash_of(offer), 'upload', pack(offer.upload)) end
    end
  end
  set_keys(counts)
end

-- A part of a list that lies in hashes of 64.
local function place_in(name, offer, index)
  return base .. name .. ':' .. offer.number .. ':' .. text(floor(index / 64)), texts[index % 64]
end

local function in_audience(offer, customer_id)
  local generation = offer[COUNT.audience]
  if generation <= 0 then return true end
  local key = base .. 'audience:' .. offer.number .. ':' .. text(generation)
  return call('SISMEMBER', key, customer_id) == 1
end
