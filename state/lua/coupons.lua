-- Coupons of an offer, by serial: those with a record, and those that are there without one.

local function range_of(offer, serial)
  for _, range in ipairs(offer.ranges) do
    local first = range[RANGE.first]
    if serial >= first and serial < first + range[RANGE.size] then return range end
  end
end

local function add_range(offer, range)
  local last = offer.ranges[#offer.ranges]
  offer.new_ranges = true
  if last and last[RANGE.first] + last[RANGE.size] == range[RANGE.first]
      and last[RANGE.day] == range[RANGE.day] and last[RANGE.starts] == range[RANGE.starts]
      and last[RANGE.expires] == range[RANGE.expires] then
    last[RANGE.size] = last[RANGE.size] + range[RANGE.size]
  else
    offer.ranges[#offer.ranges + 1] = range
  end
end

-- code key -> {number of its offer, position}
local uploaded_codes
local function uploaded_table()
  uploaded_codes = uploaded_codes or open_table('uploaded')
  return uploaded_codes
end

-- {code, customer_id, issued} of a position; issued: by its upload, with or without a customer.
-- False where no code was uploaded to it.
local function uploaded_code(offer, position)
  local found = call('HGET', place_in('codes', offer, position))
  return found and unpack_(found)
end

-- An exported coupon, or one that its upload issued; false where it is none.
local function unwritten_coupon(offer, serial)
  local range = range_of(offer, serial)
  if not range then return false end
  local recipient = ''
  if offer.uploaded then
    local stored = uploaded_code(offer, serial)
    if not stored or not stored[3] then return false end
    recipient = stored[2]
  end
  return { recipient, range[RANGE.starts], range[RANGE.expires], false, {} }
end

-- Coupons -----------------------------------------------------------------------------------------
local dirty_coupons = {}    -- of offer.coupons: those to write
local function coupon_of(offer, serial)
  local place = offer.coupons[serial]
  if place then return place.coupon end
  local bucket = floor(serial / 64)
  local key = offer.coupon_keys[bucket]
  if not key then
    key = base .. 'coupons:' .. offer.number .. ':' .. text(bucket)
    offer.coupon_keys[bucket] = key
  end
  place = { key = key, field = texts[serial % 64], coupon = false }
  offer.coupons[serial] = place
  if offer.uploaded or serial < offer.before.issued then
    local packed = call('HGET', place.key, place.field)
    place.coupon = packed and unpack_(packed) or false
  end
  if not place.coupon and #offer.ranges > 0 then
    place.coupon = unwritten_coupon(offer, serial)
  end
  return place.coupon
end

-- `serial` must have been looked up by coupon_of() before.
local function keep_coupon(offer, serial, coupon)
  local place = offer.coupons[serial]
  place.coupon = coupon
  if not place.dirty then
    place.dirty = true
    dirty_coupons[#dirty_coupons + 1] = place
  end
end

-- Neighbours together, as an issue gives them.
local function write_coupons()
  local packed = {}
  for i, place in ipairs(dirty_coupons) do packed[i] = pack(place.coupon) end
  local first = 1
  while first <= #packed do
    local key, pairs_, i = dirty_coupons[first].key, {}, first
    repeat
      pairs_[#pairs_ + 1] = dirty_coupons[i].field
      pairs_[#pairs_ + 1] = packed[i]
      i = i + 1
    until i > #packed or dirty_coupons[i].key ~= key
    call('HSET', key, unpack(pairs_))
    first = i
  end
end

-- How many redemptions of a coupon stand: those no reversal has undone.
local function standing(coupon)
  local count = 0
  for _, use in ipairs(coupon[COUPON.uses]) do
    if not use[USE.reversed_by] then count = count + 1 end
  end
  return count
end

-- Whose coupon it is. Without a recipient, whose first redemption stands; '' for nobody's yet.
local function recipient_of(coupon)
  if coupon[COUPON.recipient] ~= '' then return coupon[COUPON.recipient] end
  for _, use in ipairs(coupon[COUPON.uses]) do
    if not use[USE.reversed_by] and use[USE.customer_id] ~= '' then return use[USE.customer_id] end
  end
  return ''
end

local function revoked(offer, serial, coupon)
  return coupon[COUPON.revoked]
      or (serial < offer.watermark and standing(coupon) == 0)
end

local function used_up(offer, coupon)
  local uses = offer.limits.uses_per_coupon
  return uses and standing(coupon) >= uses
end

-- The last second in which a coupon is good, false where it doesn't expire. Its own end is never
-- beyond the offer's or the campaign's; without one it ends with the offer, or never (loyalty).
local function expiry(offer, own)
  if not own then return not offer.loyalty and offer.ends end
  return math.min(own, offer.ends or own, offer.campaign_ends or own)
end

local function expired(offer, coupon, second)
  local ends = expiry(offer, coupon[COUPON.expires])
  return ends and second > ends
end

local function is_active(offer, serial, coupon, second)
  return not (revoked(offer, serial, coupon) or expired(offer, coupon, second)
              or used_up(offer, coupon))
end
