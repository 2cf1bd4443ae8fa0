-- Coupons of an offer, by serial: the fields of COUPON, then of each redemption those of USE. `use`
-- is how many values stand before it, so that coupon[use + USE.day] is its day.
local function coupons_key(offer, bucket) return format('%s%d', offer.coupons_key, bucket) end
local found_in = {}         -- coupon -> the key it was read from

-- Without redemptions, what is False at the end of a record is left out. There is room for one: a
-- list that grows costs more.
local function coupon_of_values(recipient, starts, expires, revoked, apart, ...)
  if ... == nil then
    return { recipient, starts, expires or false, revoked or false, apart or false,
             nil, nil, nil, nil, nil, nil, nil }
  end
  return { recipient, starts, expires, revoked, apart, ... }
end

local function coupon_in(packed)
  if #packed <= MOST then return coupon_of_values(unpack_(packed)) end
  return values_of(packed)
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
  if not coupon and #ranges_of(offer) > 0 then coupon = unwritten_coupon(offer, serial) end
  offer.coupons[serial] = coupon
  return coupon
end

local kept, kept_coupons = {}, {}       -- coupon -> true; offer, serial of each to write
local function keep_coupon(offer, serial, coupon)
  offer.coupons[serial] = coupon
  if kept[coupon] then return end
  kept[coupon] = true
  kept_coupons[#kept_coupons + 1] = offer
  kept_coupons[#kept_coupons + 1] = serial
end

-- Makes them ready to be written, those of a hash in one command: an issue gives many neighbours.
local function collect_coupons()
  local key, of_offer, bucket
  for i = 1, #kept_coupons, 2 do
    local offer, serial = kept_coupons[i], kept_coupons[i + 1]
    local coupon = offer.coupons[serial]
    local found = found_in[coupon]
    if found then
      write(found, texts[serial % 64], coupon_record(coupon))
    else
      if offer ~= of_offer or floor(serial / 64) ~= bucket then
        of_offer, bucket = offer, floor(serial / 64)
        key = coupons_key(offer, bucket)
      end
      write(key, texts[serial % 64], coupon_record(coupon))
    end
  end
end

-- How many redemptions of a coupon stand: those no reversal has undone.
local function standing(coupon)
  if #coupon == COUPON.width then return 0 end
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

-- `stands`: how many redemptions of it do.
local function revoked(offer, serial, coupon, stands)
  return coupon[COUPON.revoked] or (stands == 0 and serial < offer[COUNT.watermark])
end

local function used_up(offer, stands)
  local uses = offer.rules[RULE.uses_per_coupon]
  return uses and stands >= uses
end

-- The last second in which a coupon is good, false where it doesn't expire. Its own end is never
-- beyond the offer's or the campaign's; without one it ends with the offer, or never (loyalty).
local function expiry(offer, own)
  if not own then return offer.rules[RULE.last_second] end
  return math.min(own, offer.rules[RULE.ends] or own, offer.rules[RULE.campaign_ends] or own)
end

local function offer_ended(offer, second)
  local ends = offer.rules[RULE.ends]
  return ends and second > ends
end

local function expired(offer, coupon, second)
  local ends = expiry(offer, coupon[COUPON.expires])
  return ends and second > ends
end

local function is_active(offer, serial, coupon, second)
  local stands = standing(coupon)
  return not (revoked(offer, serial, coupon, stands) or expired(offer, coupon, second)
              or used_up(offer, stands))
end
