-- What a restore puts back of issues: serials, coupons, customers.

-- Serials ------------------------------------------------------------------------------------------
-- Partitions are read side by side, so serials come in any order. Those below `issued` that nobody
-- was given yet are skipped ones.
local function give_serials(offer, first, count)
  local next_ = offer[COUNT.issued]
  local filled = max(0, math.min(next_, first + count) - first)
  offer[COUNT.skipped] = offer[COUNT.skipped] + max(0, first - next_) - filled
  offer[COUNT.issued] = max(next_, first + count)
end

-- What was committed may speak of a serial whose issue was lost before its commit. It isn't given
-- again, and is nobody's.
local function skip_up_to(offer, next_)
  if offer.uploaded or next_ <= offer[COUNT.issued] then return end
  offer[COUNT.skipped] = offer[COUNT.skipped] + next_ - offer[COUNT.issued]
  offer[COUNT.issued] = next_
end

-- serial, coupon of each, by serial. A serial is issued once, and none of these was used yet.
local function issues(offer, list)
  offer.issues = list
  local bucket, pairs_ = -1, nil
  for i = 1, #list, 2 do
    local serial = list[i]
    if floor(serial / 64) ~= bucket then
      bucket = floor(serial / 64)
      local key = coupons_key(offer, bucket)
      pairs_ = hashes[key] or {}
      hashes[key] = pairs_
    end
    pairs_[#pairs_ + 1] = texts[serial % 64]
    pairs_[#pairs_ + 1] = list[i + 1]
    if not offer.uploaded then give_serials(offer, serial, 1) end
  end
  if offer.uploaded then offer[COUNT.issued] = offer[COUNT.issued] + #list / 2 end
end

-- One of these coupons, which isn't written yet.
local function know_issued(offer, serial)
  if not offer.packed then
    offer.packed = {}
    for i = 1, #offer.issues, 2 do offer.packed[offer.issues[i]] = offer.issues[i + 1] end
  end
  local packed = offer.packed[serial]
  if packed and not offer.coupons[serial] then offer.coupons[serial] = coupon_in(packed) end
end

-- To one who has a record already.
local function issued_another(offer, key, serial, day)
  local record = customer_of(key)
  if record[1] > 0 then know_issued(offer, record[2]) end
  know_issued(offer, serial)
  local coupon = coupon_of(offer, serial)
  coupon[COUPON.apart] = note_issued(offer, key, serial, day)
  keep_coupon(offer, serial, coupon)
end

-- bucket, customer's key, record of one who was issued just this coupon, of each: most have no
-- other.
local function issued_to_customers(offer, list)
  for i = 1, #list, 3 do
    local key = list[i + 1]
    if not records[key] and call('HSETNX', list[i], key, list[i + 2]) == 1 then
      customers.entries = customers.entries + 1
    else
      local given = values_of(list[i + 2])
      local first = list_in(given, CUSTOMER.issued)
      issued_another(offer, key, given[first], given[first + 1])
    end
  end
end
