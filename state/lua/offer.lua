-- Offers: read from Redis when first asked for, written at the end.
local COUNTS = { 'issued', 'skipped', 'redeemed', 'sequence', 'watermark', 'discounted',
                 'revenue', 'positions', 'stock_next', 'stock', 'taken', 'audience', 'audiences' }
local NAMES = { 'number', 'version', 'limits', 'claim', 'closed', 'ranges', 'upload',
                unpack(COUNTS) }
local offers = {}           -- offer_id -> table, or false where there is none

-- Takes in what an edit can change; `fields` as in Redis.
local function learn_rules(offer, fields)
  local limits, claim = unpack_(fields.limits), fields.claim and unpack_(fields.claim) or false
  offer.version, offer.limits, offer.claim = tonumber(fields.version), limits, claim
  offer.ends = limits.with_campaign and claim and claim.ends_at or limits.ends_at or false
  offer.loyalty, offer.campaign_ends = claim and claim.service == 'loyalty', claim and claim.ends_at
  offer.uploaded = limits.codes == 'uploaded'
end

local function new_offer(offer_id, fields)
  local offer = {
    offer_id = offer_id, number = text(fields.number), closed = fields.closed == '1',
    ranges = fields.ranges and unpack_(fields.ranges) or {},
    upload = fields.upload and unpack_(fields.upload) or {},
    before = {}, coupons = {}, kept = {}, tallies = {},
  }
  for _, name in ipairs(COUNTS) do
    offer[name] = tonumber(fields[name] or '0')
    offer.before[name] = offer[name]
  end
  learn_rules(offer, fields)
  offers[offer_id] = offer
  return offer
end

local function offer_of(offer_id)
  local offer = offers[offer_id]
  if offer ~= nil then return offer end
  local found, fields = call('HMGET', base .. 'offer:' .. offer_id, unpack(NAMES)), {}
  if not found[1] then
    offers[offer_id] = false
    return false
  end
  for i, name in ipairs(NAMES) do fields[name] = found[i] end
  return new_offer(offer_id, fields)
end

-- How many coupons were issued. Of generated codes `issued` is the next serial, and `skipped` are
-- those below it that a loss made nobody's.
local function total_issued(offer) return offer.issued - offer.skipped end

-- What was decided, by day, kind and result: for people who look at it.
local function tally(offer, day, kind, result, count)
  local of_day = offer.tallies[day]
  if not of_day then of_day = {}; offer.tallies[day] = of_day end
  local of_kind = of_day[kind]
  if not of_kind then of_kind = {}; of_day[kind] = of_kind end
  of_kind[result] = (of_kind[result] or 0) + count
end

local function write_tallies(offer)
  for day, kinds in pairs(offer.tallies) do
    for kind, results in pairs(kinds) do
      for result, count in pairs(results) do
        call('HINCRBY', base .. 'tallies:' .. offer.number,
             text(day) .. ':' .. kind .. ':' .. result, count)
      end
    end
  end
end

local function write_offers()
  for offer_id, offer in pairs(offers) do
    if offer and offer.changed then
      local key = base .. 'offer:' .. offer_id
      write_tallies(offer)
      for _, name in ipairs(COUNTS) do
        if offer[name] ~= offer.before[name] then write(key, name, offer[name]) end
      end
      write(key, 'closed', offer.closed and '1' or '0')
      if offer.new_ranges then write(key, 'ranges', pack(offer.ranges)) end
      if offer.new_upload then write(key, 'upload', pack(offer.upload)) end
      if offer.last_issued then write(key, 'last_issued', offer.last_issued) end
      if offer.last_redeemed then write(key, 'last_redeemed', offer.last_redeemed) end
    end
  end
end

-- A part of a list that lies in hashes of 64.
local function place_in(name, offer, index)
  return base .. name .. ':' .. offer.number .. ':' .. text(floor(index / 64)), texts[index % 64]
end

local function in_audience(offer, customer_id)
  return offer.audience <= 0 or call('SISMEMBER', base .. 'audience:' .. offer.number .. ':' ..
                                     text(offer.audience), customer_id) == 1
end
