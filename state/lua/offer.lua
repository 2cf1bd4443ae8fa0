-- Offers: read from Redis when first asked for, written at the end. A table has the fields of COUNT
-- by their names; `written`: `issued` as it was, so that no coupon from there on is in Redis.
local NAMES = { 'number', 'version', 'limits', 'claim', 'ranges', 'upload', 'counts' }
local offers = {}           -- offer_id -> table, or false where there is none

-- Takes in what an edit can change; `fields` as in Redis.
local function learn_rules(offer, fields)
  local limits, claim = values_of(fields.limits), fields.claim and unpack_(fields.claim) or false
  offer.version, offer.limits, offer.claim = tonumber(fields.version), limits, claim
  offer.ends = limits[LIMIT.with_campaign] and claim and claim.ends_at or limits[LIMIT.ends_at]
  offer.campaign_ends = claim and claim.ends_at
  -- Of a coupon without an end of its own, false where it is good for ever.
  offer.last_second = not (claim and claim.service == 'loyalty') and offer.ends
  offer.uploaded = limits[LIMIT.codes] == 'uploaded'
end

local function new_offer(offer_id, fields)
  local counts = fields.counts and values_of(fields.counts) or {}
  local offer = {
    offer_id = offer_id, number = text(fields.number),
    ranges = fields.ranges and unpack_(fields.ranges) or {},
    upload = fields.upload and unpack_(fields.upload) or {},
    coupons_key = base .. 'coupons:' .. text(fields.number) .. ':',
    coupons = {}, kept = {}, tallies = {}, written = counts[COUNT.issued] or 0,
    issued = counts[COUNT.issued] or 0, skipped = counts[COUNT.skipped] or 0,
    redeemed = counts[COUNT.redeemed] or 0, sequence = counts[COUNT.sequence] or 0,
    watermark = counts[COUNT.watermark] or 0, discounted = counts[COUNT.discounted] or 0,
    revenue = counts[COUNT.revenue] or 0, positions = counts[COUNT.positions] or 0,
    stock_next = counts[COUNT.stock_next] or 0, stock = counts[COUNT.stock] or 0,
    taken = counts[COUNT.taken] or 0, audience = counts[COUNT.audience] or 0,
    audiences = counts[COUNT.audiences] or 0, closed = counts[COUNT.closed] or false,
    last_issued = counts[COUNT.last_issued] or false,
    last_redeemed = counts[COUNT.last_redeemed] or false,
  }
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

-- What was decided, by day, kind and result: for people who look at it. The last is counted until
-- another comes, for most of a batch are the same.
local counted_offer, counted_day, counted_kind, counted_result
local counted = 0
local function end_tally()
  if counted == 0 then return end
  local field = text(counted_day) .. ':' .. counted_kind .. ':' .. counted_result
  counted_offer.tallies[field] = (counted_offer.tallies[field] or 0) + counted
  counted = 0
end

local function tally(offer, day, kind, result, count)
  if offer ~= counted_offer or day ~= counted_day or kind ~= counted_kind
      or result ~= counted_result then
    end_tally()
    counted_offer, counted_day, counted_kind, counted_result = offer, day, kind, result
  end
  counted = counted + count
end

local function write_tallies(offer)
  local key = base .. 'tallies:' .. offer.number
  for field, count in pairs(offer.tallies) do call('HINCRBY', key, field, count) end
end

local function write_offers()
  end_tally()
  for offer_id, offer in pairs(offers) do
    if offer and offer.changed then
      local key = base .. 'offer:' .. offer_id
      write_tallies(offer)
      write(key, 'counts', pack(
        offer.issued, offer.skipped, offer.redeemed, offer.sequence, offer.watermark,
        offer.discounted, offer.revenue, offer.positions, offer.stock_next, offer.stock,
        offer.taken, offer.audience, offer.audiences, offer.closed, offer.last_issued,
        offer.last_redeemed))
      if offer.new_ranges then write(key, 'ranges', pack(offer.ranges)) end
      if offer.new_upload then write(key, 'upload', pack(offer.upload)) end
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
