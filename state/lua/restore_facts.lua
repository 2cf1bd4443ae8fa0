-- What a restore puts back of redemptions and their reversals, and of whatever else was done to a
-- coupon or an offer: `facts` by their names.
local facts = {}
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
    if offer.uploaded or bucket * 64 < offer.before.issued then
      local fields = {}
      for i = first, last, width do fields[#fields + 1] = texts[list[i] % 64] end
      local found = get_fields(coupons_key(offer, bucket), fields)
      for i = first, last, width do
        local packed, serial = found[(i - first) / width + 1], list[i]
        if packed and not offer.coupons[serial] then offer.coupons[serial] = values_of(packed) end
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
    if not coupon and #offer.ranges > 0 then coupon = unwritten_coupon(offer, serial) end
    if not coupon then
      coupon = { customer_id, 0, false, false }
      skip_up_to(offer, serial + 1)
    end
    local use = add_use(coupon, { redemption_id, customer_id, day, false, discount, bill, sequence })
    keep_coupon(offer, serial, coupon)
    if coupon[COUPON.recipient] == '' and customer_id ~= '' then
      note_taken(customer_of(key), serial)
    end
    count_redemption(offer, coupon, use, key, 1)
    local reversed_by = some_wait and reversal_of(offer, serial, coupon, use)
    if reversed_by then undo(offer, serial, coupon, use, key, reversed_by) end
  end
end

-- A coupon that a common code gave with its redemption, whose fact comes after it.
function facts.given(offer, serial, packed, customer_key, day)
  local known = coupon_of(offer, serial)
  local coupon = values_of(packed)
  for i = COUPON.width + 1, known and #known or 0 do coupon[i] = known[i] end
  keep_coupon(offer, serial, coupon)
  note_issue(offer, serial, customer_key, day)
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

-- Revokes ------------------------------------------------------------------------------------------
function facts.revoke(offer, watermark, closes, serials)
  offer.watermark = max(offer.watermark, watermark)
  skip_up_to(offer, watermark)
  offer.closed = offer.closed or (closes and not offer.uploaded)
  for _, serial in ipairs(serials) do
    local coupon = coupon_of(offer, serial)
    skip_up_to(offer, serial + 1)
    if coupon then
      coupon[COUPON.revoked] = true
      keep_coupon(offer, serial, coupon)
    end
  end
end

-- Exports and uploads ------------------------------------------------------------------------------
function facts.export(offer, first, count, day, starts, expires)
  give_serials(offer, first, count)
  add_range(offer, { first, count, day, starts, expires })
end

-- A part of an upload that waited for others: codes, customers or stores.
function facts.part(offer, kind, part, parts, generation, first, count, issued, stores)
  local waiting = waiting_for(offer, kind, part, parts, generation > 0 and generation or nil)
  add_part(offer, kind, waiting, { part, first, count, issued, stores or nil })
end

function facts.codes(offer, items, first, stock_first, third_party)
  put_codes(offer, items, first, stock_first, third_party)
end

function facts.codes_in_effect(offer, runs, day, starts, expires, issued, stock)
  offer.upload.upload_codes, offer.new_upload = nil, true
  put_in_effect(offer, runs, day, starts, expires, issued, stock)
end

function facts.audience(offer, generation, customers_)
  additions[#additions + 1] = { audience_key(offer, generation), customers_ }
  offer.audiences = max(offer.audiences, generation)
end

function facts.audience_in_effect(offer, generation, total)
  local waiting = offer.upload.set_audience
  if waiting and waiting.generation ~= generation then
    unlinked[#unlinked + 1] = audience_key(offer, waiting.generation)
  end
  offer.upload.set_audience, offer.new_upload = nil, true
  if generation > abs(offer.audience) then set_audience_to(offer, generation, total)
  elseif generation < abs(offer.audience) then
    unlinked[#unlinked + 1] = audience_key(offer, generation)
  end
end

function facts.stores_in_effect(offer)
  offer.upload.set_stores, offer.new_upload = nil, true
end
