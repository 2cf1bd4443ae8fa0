-- What a restore puts back of redemptions and their reversals.
local facts = {}            -- by their names: functions of what else there is to put back
local reversals = base .. 'reversals'
local some_wait = call('EXISTS', reversals) == 1
local arrived = {}          -- of `reversals`: what this call adds, false for what it takes away

local function name_of(offer, serial, redemption_id)
  return offer.number .. ':' .. text(serial) .. ':' .. redemption_id
end

local function undo(offer, serial, coupon, use, key, reversed_by)
  coupon[use + USE.reversed_by] = reversed_by
  keep_coupon(offer, serial, coupon)
  count_redemption(offer, coupon, use, key, -1)
end

-- The reversal that came before its redemption, if it was decided after it.
local function reversal_of(offer, serial, coupon, use)
  local name = name_of(offer, serial, coupon[use + USE.redemption_id])
  local waits = call('HGET', reversals, name)
  if not waits then return nil end
  local reversed_by, sequence = unpack(unpack_(waits))
  if sequence < coupon[use + USE.sequence] then return nil end
  arrived[name] = false
  return reversed_by
end

-- Customer's part of a key of theirs: 4 bytes of hash, the offer's number and a colon before it.
local function customer_in(offer, key) return string.sub(key, 6 + #offer.number) end

-- In the order of decisions, which says whose a coupon without a recipient is. Answers where it is.
local function add_use(coupon, values)
  local use, sequence = #coupon, values[USE.sequence]
  while use > COUPON.width and coupon[use - USE.width + USE.sequence] > sequence do
    use = use - USE.width
  end
  if use < #coupon then
    for i = #coupon, use + 1, -1 do coupon[i + USE.width] = coupon[i] end
  end
  for i, value in ipairs(values) do coupon[use + i] = value end
  return use
end

-- Reads the coupons of sorted facts, a hash of 64 at a time.
local function look_up_coupons(offer, list, width)
  local first = 1
  while first <= #list do
    local bucket, last = floor(list[first] / 64), first
    while list[last + width] and floor(list[last + width] / 64) == bucket do
      last = last + width
    end
    if offer.uploaded or bucket * 64 < offer.written then
      local fields = {}
      for i = first, last, width do fields[#fields + 1] = texts[list[i] % 64] end
      local found = get_fields(coupons_key(offer, bucket), fields)
      for i = first, last, width do
        local packed, serial = found[(i - first) / width + 1], list[i]
        if packed and not offer.coupons[serial] then offer.coupons[serial] = coupon_in(packed) end
      end
    end
    first = last + width
  end
end

-- serial, redemption_id, customer's key or '', day, discount, bill, sequence of each, by serial
local function redemptions(offer, list)
  look_up_coupons(offer, list, 7)
  for i = 1, #list, 7 do
    local serial, redemption_id, key, day, discount, bill, sequence = unpack(list, i, i + 6)
    local customer_id = key ~= '' and customer_in(offer, key) or ''
    local coupon = offer.coupons[serial]
    if not coupon and #ranges_of(offer) > 0 then coupon = unwritten_coupon(offer, serial) end
    if not coupon then
      coupon = { customer_id, 0, false, false, true }
      skip_up_to(offer, serial + 1)
    end
    local use = add_use(coupon, { redemption_id, customer_id, day, false, discount, bill, sequence })
    keep_coupon(offer, serial, coupon)
    if coupon[COUPON.recipient] == '' and customer_id ~= '' then
      note_taken(offer, key, serial)
    end
    count_redemption(offer, coupon, use, key, 1)
    local reversed_by = some_wait and reversal_of(offer, serial, coupon, use)
    if reversed_by then undo(offer, serial, coupon, use, key, reversed_by) end
  end
end

-- A coupon that a common code gave with its redemption, whose fact comes after it.
function facts.given(offer, serial, packed, customer_key, day)
  local known = coupon_of(offer, serial)
  local coupon = coupon_in(packed)
  for i = COUPON.width + 1, known and #known or 0 do coupon[i] = known[i] end
  note_end(offer, serial, coupon[COUPON.expires])
  give_serials(offer, serial, 1)
  coupon[COUPON.apart] = note_issued(offer, customer_key, serial, day)
  keep_coupon(offer, serial, coupon)
end

-- Its redemption may come later, or never: one that was lost before it was committed isn't undone
-- by this where it was decided again.
function facts.reverse(offer, serial, redemption_id, customer_key, reversed_by, sequence)
  local coupon = coupon_of(offer, serial)
  for use = COUPON.width, coupon and #coupon - 1 or 0, USE.width do
    if coupon[use + USE.redemption_id] == redemption_id then
      if not coupon[use + USE.reversed_by] and sequence > coupon[use + USE.sequence] then
        undo(offer, serial, coupon, use, customer_key, reversed_by)
      end
      return
    end
  end
  arrived[name_of(offer, serial, redemption_id)] = pack({ reversed_by, sequence })
end
