-- Ranges of serials: coupons that are there without a record of their own, exported or uploaded.
local function range_of(offer, serial)
  for _, range in ipairs(ranges_of(offer)) do
    local first = range[RANGE.first]
    if serial >= first and serial < first + range[RANGE.size] then return range end
  end
end

local function add_range(offer, range)
  local ranges = ranges_of(offer)
  local last = ranges[#ranges]
  offer.new_ranges = true
  if last and last[RANGE.first] + last[RANGE.size] == range[RANGE.first]
      and last[RANGE.day] == range[RANGE.day] and last[RANGE.starts] == range[RANGE.starts]
      and last[RANGE.expires] == range[RANGE.expires] then
    last[RANGE.size] = last[RANGE.size] + range[RANGE.size]
  else
    ranges[#ranges + 1] = range
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
  return { recipient, range[RANGE.starts], range[RANGE.expires], false, true }
end
