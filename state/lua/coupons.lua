-- Coupons of an offer, by serial: those with a record, and those that are there without one.

local function range_of(offer, serial)
  for _, range in ipairs(offer.ranges) do
    local first = range[RANGE.first]
    if serial >= first and serial < first + range[RANGE.size] then return range end
  end
end

-- Coupons with an end of their own, by that and by runs of serials: where reminders look for them.
-- One whose coupons are all gone stays.
local ends = {}             -- key, run of each to write
local function note_end(offer, serial, expires)
  if not expires then return end
  local run = floor(serial / RUN.coupons)
  if offer.noted_end == expires and offer.noted_run == run then return end
  offer.noted_end, offer.noted_run = expires, run
  ends[#ends + 1] = base .. 'ends:' .. offer.number .. ':' .. text(expires)
  ends[#ends + 1] = run
end

local function write_ends()
  for i = 1, #ends, 2 do call('SADD', ends[i], ends[i + 1]) end
end

local function add_range(offer, range)
  local last_serial = range[RANGE.first] + range[RANGE.size] - 1
  for serial = range[RANGE.first], last_serial, RUN.coupons do
    note_end(offer, serial, range[RANGE.expires])
  end
  note_end(offer, last_serial, range[RANGE.expires])
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
  return { recipient, range[RANGE.starts], range[RANGE.expires], false }
end

-- Coupons: the fields of COUPON, then of each redemption those of USE. `use` is how many values
-- stand before it, so that coupon[use + USE.day] is its day.
local function coupons_key(offer, bucket)
  return base .. 'coupons:' .. offer.number .. ':' .. text(bucket)
end

local function coupon_of(offer, serial)
  local coupon = offer.coupons[serial]
  if coupon ~= nil then return coupon end
  coupon = false
  if offer.uploaded or serial < offer.before.issued then
    local packed = call('HGET', coupons_key(offer, floor(serial / 64)), texts[serial % 64])
    coupon = packed and values_of(packed)
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

-- Makes them ready to be written, neighbours in one command: an issue gives many.
local function collect_coupons()
  local key, of_offer, bucket
  for i = 1, #kept_coupons, 2 do
    local offer, serial = kept_coupons[i], kept_coupons[i + 1]
    if offer ~= of_offer or floor(serial / 64) ~= bucket then
      of_offer, bucket = offer, floor(serial / 64)
      key = coupons_key(offer, bucket)
    end
    write(key, texts[serial % 64], record_of(offer.coupons[serial]))
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
