-- A customer's record: its lists are those of CUSTOMER and then `redeemed`, one after the other. It
-- begins with how many values `issued` has, and has no list beside that and the last; or with -1, and
-- how many each has but for the last.
local MORE = 1 + CUSTOMER.width     -- how many values stand before the lists then

-- Where is the first value of a list, where the last?
local function list_in(record, list)
  if record[1] >= 0 then
    local last = 1 + record[1]
    return list == CUSTOMER.issued and 2 or last + 1, last
  end
  local first = MORE + 1
  for before = 1, list - 1 do first = first + record[1 + before] end
  return first, first + record[1 + list] - 1
end

local function redeemed_from(record)
  if record[1] >= 0 then return 2 + record[1] end
  return MORE + 1 + record[1 + CUSTOMER.issued] + record[1 + CUSTOMER.uploaded]
       + record[1 + CUSTOMER.taken]
end

local function add_to(record, list, value)
  if record[1] >= 0 and list ~= CUSTOMER.issued then
    table.insert(record, 1, -1)
    for _ = 2, CUSTOMER.width do table.insert(record, 2 + CUSTOMER.issued, 0) end
  end
  local _, last = list_in(record, list)
  table.insert(record, last + 1, value)
  local length = record[1] >= 0 and 1 or 1 + list
  record[length] = record[length] + 1
end

-- `change` redemptions more (1) or less (-1) on a day.
local function count_day(record, day, change)
  local last = #record
  for i = redeemed_from(record), last, 2 do
    if record[i] == day then
      record[i + 1] = record[i + 1] + change
      if record[i + 1] == 0 then
        table.remove(record, i)
        table.remove(record, i)
      end
      return
    end
  end
  record[last + 1], record[last + 2] = day, change
end

-- Is any of the days at `first`, `first` + 2, ... up to `last` nearer than the gap?
local function too_near(values, first, last, day, gap_days)
  for i = first, last, 2 do
    if abs(values[i] - day) < gap_days then return true end
  end
  return false
end

-- How many redemptions it counts, and is one of them nearer to a day than the gap?
local function counted_redemptions(record, day, gap_days)
  local count, first = 0, redeemed_from(record)
  for i = first + 1, #record, 2 do count = count + record[i] end
  return count, too_near(record, first, #record, day, gap_days)
end
