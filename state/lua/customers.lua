-- Customers of an offer: what each was issued and redeemed.
local customers             -- growing table, opened by the transitions that need it
local records = {}          -- customer key -> record
local function customer_of(key)
  local record = records[key]
  if not record then
    local packed = get(customers, key)
    record = packed and unpack_(packed) or { {}, {} }
    records[key] = record
  end
  return record
end

local function keep_customer(key, record) put(customers, key, pack(record)) end

-- One of the lists that only few records have.
local function list_of(record, place)
  for i = #record + 1, place do record[i] = {} end
  return record[place]
end

-- serial, day, serial, day, ... of all a customer was issued, by request or by upload.
local function issued_to(offer, record)
  local uploaded = record[CUSTOMER.uploaded]
  if not uploaded or #uploaded == 0 then return record[CUSTOMER.issued] end
  local all = {}
  for i, number in ipairs(record[CUSTOMER.issued]) do all[i] = number end
  for _, serial in ipairs(uploaded) do
    local range = range_of(offer, serial)
    if range then
      all[#all + 1] = serial
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
  for _, serial in ipairs(record[CUSTOMER.taken] or {}) do
    if recipient_of(coupon_of(offer, serial)) == customer_id then
      serials[#serials + 1] = serial
    end
  end
  return serials
end

-- Notes a customer's redemption of a coupon that had no recipient.
local function note_taken(record, serial)
  local taken = list_of(record, CUSTOMER.taken)
  for _, known in ipairs(taken) do
    if known == serial then return end
  end
  taken[#taken + 1] = serial
end

local function note_issued(record, serial, day)
  local issued = record[CUSTOMER.issued]
  issued[#issued + 1] = serial
  issued[#issued + 1] = day
end

local function redemptions_of(record)
  local days, count = record[CUSTOMER.redeemed], 0
  for i = 2, #days, 2 do count = count + days[i] end
  return count
end

-- Is any day of {x, day, x, day} (first = 2) or {day, x, day, x} (first = 1) nearer than the gap?
local function too_near(days, first, day, gap_days)
  for i = first, #days, 2 do
    if abs(days[i] - day) < gap_days then return true end
  end
  return false
end

-- `change` redemptions more (1) or less (-1) on a day.
local function count_day(record, day, change)
  local days = record[CUSTOMER.redeemed]
  for i = 1, #days, 2 do
    if days[i] == day then
      days[i + 1] = days[i + 1] + change
      if days[i + 1] == 0 then
        table.remove(days, i)
        table.remove(days, i)
      end
      return
    end
  end
  days[#days + 1] = day
  days[#days + 1] = change
end

-- A redemption begins to count (1) or no longer does (-1).
local function count_redemption(offer, use, key, change)
  offer.redeemed = offer.redeemed + change
  offer.discounted = offer.discounted + change * use[USE.discount_minor]
  offer.revenue = offer.revenue + change * use[USE.bill_minor]
  if use[USE.customer_id] ~= '' then
    local record = customer_of(key)
    count_day(record, use[USE.day], change)
    keep_customer(key, record)
  end
end

local function write_all()
  write_coupons()
  write_offers()
  for _, table_ in ipairs(tables) do write_table(table_) end
  write_hashes()
end
