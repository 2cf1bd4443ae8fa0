-- Offers: create, edit, claim. The definition is checked outside; here is what only one can have.
local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local numbers = tonumber(call('GET', base .. 'numbers') or '0')
local changed = {}          -- offer_id -> fields of its hash, but for those of the offer table
local removed = {}          -- offer_id -> true: its uploaded stores are no more

local function fields_of(offer_id)
  if changed[offer_id] ~= nil then return changed[offer_id] end
  local list, fields = call('HGETALL', base .. 'offer:' .. offer_id), {}
  for i = 1, #list, 2 do fields[list[i]] = list[i + 1] end
  fields.ranges, fields.upload = nil, nil
  return next(fields) and fields or false
end

local function new_fields(op, found)
  numbers = numbers + 1
  if found.lead then take_lead(ops[op + OP.length], found.lead, ops[op + OP.offer_id]) end
  return {
    number = numbers, version = 0, lead = found.lead or '',
    length = ops[op + OP.length], codes = ops[op + OP.codes],
    expiry_type = ops[op + OP.expiry_type], created_at = now, created_by = ops[op + OP.actor],
  }
end

local function new_version(op, fields)
  stamp = stamp + 1
  fields.version = tonumber(fields.version) + 1
  fields.modified_at, fields.modified_by, fields.stamp = now, ops[op + OP.actor], stamp
  changed[ops[op + OP.offer_id]] = fields
end

local function change(op, fields, found)
  local offer_id, definition = ops[op + OP.offer_id], ops[op + OP.definition]
  local offer = offer_of(offer_id)
  local rules = offer and offer.rules
  fields = fields or new_fields(op, found)
  if definition then
    rules = ops[op + OP.rules]
    if rules[RULE.codes] == 'generated' then
      rules[RULE.possible_codes] = ops[op + OP.radix] ^ (ops[op + OP.length] - #fields.lead)
    end
    fields.definition = definition
    if ops[op + OP.stores] then fields.stores = nil; removed[offer_id] = true end
  end
  if found.code and found.code ~= fields.offer_code then
    if fields.offer_code then take('offer_codes', fields.offer_code, false) end
    take('offer_codes', found.code, offer_id)
    fields.offer_code = found.code
  end
  if ops[op + OP.claim] then
    fields.claim = pack(ops[op + OP.claim])
    if ops[op + OP.claim].service == 'outbound' then
      take('campaigns', ops[op + OP.claim].holder, offer_id)
    end
  end
  new_version(op, fields)
  local claim = fields.claim and unpack_(fields.claim) or false
  rules = rules_of(rules, claim, tonumber(fields.number), fields.version)
  if offer then offer.rules = rules else offers[offer_id] = new_offer(offer_id, rules) end
  new_rules[offer_id] = rules
  return fields
end

local function write_changes()
  write_registers()
  for offer_id in pairs(removed) do call('HDEL', base .. 'offer:' .. offer_id, 'stores') end
  for offer_id, fields in pairs(changed) do
    for field, value in pairs(fields) do write(base .. 'offer:' .. offer_id, field, value) end
    if fields.stamp then call('ZADD', base .. 'catalogue', fields.stamp, offer_id) end
  end
  call('SET', base .. 'stamp', stamp)
  call('SET', base .. 'numbers', numbers)
end

local function snapshot(fields)
  return {
    tonumber(fields.number), fields.definition, fields.lead, tonumber(fields.length),
    fields.offer_code, fields.claim and unpack_(fields.claim) or false,
    tonumber(fields.created_at), fields.created_by, tonumber(fields.modified_at),
    fields.modified_by, fields.stores and unpack_(fields.stores) or false }
end

local function define(op)
  local fields, found = fields_of(ops[op + OP.offer_id]), {}
  local reason, detail = refusal(op, fields, found)
  if reason then
    local tell = reason == REASON.offer_not_found and passing or decision
    return tell(op, offer_of(ops[op + OP.offer_id]), reason, detail or false)
  end
  fields = change(op, fields, found)
  return decision(op, offer_of(ops[op + OP.offer_id]), nil, unpack(snapshot(fields)))
end
