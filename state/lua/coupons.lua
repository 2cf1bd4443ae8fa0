-- Coupons of an offer, by serial: the fields of COUPON, then of each redemption those of USE. `use`
-- is how many values stand before it, so that coupon[use + USE.day] is its day.
local function coupons_key(offer, bucket)
  return base .. 'coupons:' .. offer.number .. ':' .. text(bucket)
end
local found_in = {}         -- coupon -> the key it was read from

-- Without redemptions, what is False at the end of a record is left out.
local function coupon_in(packed)
  local coupon = values_of(packed)
  for i = #coupon + 1, COUPON.width do coupon[i] = false end
  return coupon
end

local function coupon_record(coupon)
  local last = #coupon
  if last > COUPON.width then return record_of(coupon) end
  while not coupon[last] do last = last - 1 end
  return pack(unpack(coupon, 1, last))
end

local function coupon_of(offer, serial)
  local coupon = offer.coupons[serial]
  if coupon ~= nil then return coupon end
  coupon = false
  if offer.uploaded or serial < offer.written then
    local key = coupons_key(offer, floor(serial / 64))
    local packed = call('HGET', key, texts[serial % 64])
    if packed then
      coupon = coupon_in(packed)
      found_in[coupon] = key
    end
  end
  if not coupon and #offer.ranges > 0 then coupon = unwritten_coupon(offer, serial) end
  offer.coupons[serial] = coupon
  return coupon
end

local kept_coupons = {}     -- offer, serial of each to write
local function keep_coupon(offer, serial, coupon)
  offer.coupons[serial] = coupon
  if offer.kept[serial] then return end
  offer.kept[serial] = true
  kept_coupons[#kept_coupons + 1] = offer
  kept_coupons[#kept_coupons + 1] = serial
end

-- Makes them ready to be written, those of a hash in one command: an issue gives many neighbours.
local function collect_coupons()
  local key, of_offer, bucket
  for i = 1, #kept_coupons, 2 do
    local offer, serial = kept_coupons[i], kept_coupons[i + 1]
    local coupon = offer.coupons[serial]
    if offer ~= of_offer or floor(serial / 64) ~= bucket then
      of_offer, bucket = offer, floor(serial / 64)
      key = found_in[coupon] or coupons_key(offer, bucket)
    end
    write(key, texts[serial % 64], coupon_record(coupon))
  end
end

-- How many redemptions of a coupon stand: those no reversal has undone.
local function standing(coupon)
  local count = 0
  for use = COUPON.width, #coupon - 1, USE.width do
    if not coupon[use + USE.reversed_by] then count = count + 1 end
  end
  return count
end

-- Whose coupon it is. Without a recipient, whose first redemption stands; '' for nobody's yet.
local function recipient_of(coupon)
  if coupon[COUPON.recipient] ~= '' then return coupon[COUPON.recipient] end
  for use = COUPON.width, #coupon - 1, USE.width do
    if not coupon[use + USE.reversed_by] and coupon[use + USE.customer_id] ~= '' then
      return coupon[use + USE.customer_id]
    end
  end
  return ''
end

local function revoked(offer, serial, coupon)
  return coupon[COUPON.revoked]
      or (serial < offer.watermark and standing(coupon) == 0)
end

local function used_up(offer, coupon)
  local uses = offer.limits[LIMIT.uses_per_coupon]
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
