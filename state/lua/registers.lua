-- What only one offer can have: leads of codes, offer codes, outbound campaigns.
local taken = {}            -- key -> field -> value: what this call gives out, over what Redis has

local function holder_of(key, field)
  local mine = taken[key] and taken[key][field]
  if mine ~= nil then return mine end
  return call('HGET', base .. key, field)
end

local function take(key, field, value)
  taken[key] = taken[key] or {}
  taken[key][field] = value
end

local function take_lead(length, lead, offer_id)
  for n = 1, #lead - 1 do
    local begins = length .. ':' .. string.sub(lead, 1, n)
    if not holder_of('leads', begins) then take('leads', begins, '+') end
  end
  take('leads', length .. ':' .. lead, offer_id)
end

-- So that no lead is given later that one of these codes begins with.
local function mark_lead(code)
  local depth = math.min(4, #code)
  for n = 1, depth - 1 do
    local begins = #code .. ':' .. string.sub(code, 1, n)
    if not holder_of('leads', begins) then take('leads', begins, '+') end
  end
  local begins = #code .. ':' .. string.sub(code, 1, depth)
  local holder = holder_of('leads', begins)
  if not holder or holder == '+' then take('leads', begins, 'uploaded') end
end

local function write_registers()
  for key, fields in pairs(taken) do
    for field, value in pairs(fields) do
      if value then write(base .. key, field, value) else call('HDEL', base .. key, field) end
    end
  end
end
