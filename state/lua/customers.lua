-- Customers of an offer: what each was issued and redeemed. What they redeemed is counted in their
-- record; but as long as one issued coupon is all they have, and no other's redemption by them was
-- counted since, its own redemptions tell it: so most redeems have no customer to read, nor to write.
local customers             -- growing table, opened by the transitions that need it
local records = {}          -- customer key -> record
local function customer_of(key)
  local record = records[key]
  if not record then
    local packed = get(customers, key)
    record = packed and values_of(packed) or { 0 }
    records[key] = record
  end
  return record
end

local function keep_customer(key, record) put(customers, key, record_of(record)) end

-- serial, day, serial, day, ... of all a customer was issued, by request or by upload.
local function issued_to(offer, record)
  local all, first, last = {}, list_in(record, CUSTOMER.issued)
  for i = first, last do all[#all + 1] = record[i] end
  first, last = list_in(record, CUSTOMER.uploaded)
  for i = first, last do
    local range = range_of(offer, record[i])
    if range then
      all[#all + 1] = record[i]
      all[#all + 1] = range[RANGE.day]
    end
  end
  return all
end

-- Oldest first, which serials are but for uploaded codes.
local function issued_serials(offer, record)
  local issued, serials = issued_to(offer, record), {}
  for i = 1, #issued, 2 do serials[#serials + 1] = issued[i] end
  if not offer.uploaded then table.sort(serials) end      -- a restore mixes partitions
  return serials
end

-- The serials of a customer's coupons, those issued first, then those become theirs by redeeming.
local function coupons_of(offer, record, customer_id)
  local serials = issued_serials(offer, record)
  local first, last = list_in(record, CUSTOMER.taken)
  for i = first, last do
    local serial = record[i]
    if recipient_of(coupon_of(offer, serial)) == customer_id then
      serials[#serials + 1] = serial
    end
  end
  return serials
end

-- Does a coupon tell all that this customer redeemed?
local function tells_all_of(coupon, customer_id)
  return coupon[COUPON.recipient] == customer_id and not coupon[COUPON.apart]
end

-- A customer's record with all they redeemed in it: what their only coupon told is moved there, for
-- from now on they have more than that.
local function whole_record(offer, key)
  local record = customer_of(key)
  if record[1] ~= 2 or #record ~= 3 then return record end
  local serial = record[2]
  local coupon = coupon_of(offer, serial)
  if not coupon or coupon[COUPON.apart] then return record end
  for use = COUPON.width, #coupon - 1, USE.width do
    if not coupon[use + USE.reversed_by]
        and coupon[use + USE.customer_id] == coupon[COUPON.recipient] then
      count_day(record, coupon[use + USE.day], 1)
    end
  end
  coupon[COUPON.apart] = true
  keep_coupon(offer, serial, coupon)
  keep_customer(key, record)
  return record
end

-- Notes what a customer is issued; answers whether their redemptions are counted apart from it.
local function note_issued(offer, key, serial, day)
  local record = whole_record(offer, key)
  local apart = #record > 1
  add_to(record, CUSTOMER.issued, serial)
  add_to(record, CUSTOMER.issued, day)
  keep_customer(key, record)
  return apart
end

-- Notes a customer's redemption of a coupon that had no recipient.
local function note_taken(offer, key, serial)
  local record = whole_record(offer, key)
  local first, last = list_in(record, CUSTOMER.taken)
  for i = first, last do
    if record[i] == serial then return end
  end
  add_to(record, CUSTOMER.taken, serial)
end

-- How many redemptions of a customer stand, and is one of them nearer to a day than the gap?
local function told_redemptions(coupon, customer_id, day, gap_days)
  if #coupon == COUPON.width then return 0, false end
  local count, near = 0, false
  for use = COUPON.width, #coupon - 1, USE.width do
    if not coupon[use + USE.reversed_by] and coupon[use + USE.customer_id] == customer_id then
      count = count + 1
      near = near or abs(coupon[use + USE.day] - day) < gap_days
    end
  end
  return count, near
end

-- The same, wherever it stands; `coupon` is what they use, or false.
local function redemptions_of(offer, coupon, customer_id, key, day)
  local gap_days = offer.rules[RULE.redeem_gap_days]
  if coupon and tells_all_of(coupon, customer_id) then
    return told_redemptions(coupon, customer_id, day, gap_days)
  end
  return counted_redemptions(whole_record(offer, key), day, gap_days)
end

-- A redemption begins to count (1) or no longer does (-1).
local function count_redemption(offer, coupon, use, key, change)
  offer[COUNT.redeemed] = offer[COUNT.redeemed] + change
  offer[COUNT.discounted] = offer[COUNT.discounted] + change * coupon[use + USE.discount_minor]
  offer[COUNT.revenue] = offer[COUNT.revenue] + change * coupon[use + USE.bill_minor]
  local customer_id = coupon[use + USE.customer_id]
  if customer_id ~= '' and not tells_all_of(coupon, customer_id) then
    local record = whole_record(offer, key)
    count_day(record, coupon[use + USE.day], change)
    keep_customer(key, record)
  end
end
