-- Offers: create, edit, claim. The definition is checked outside; here is what only one can have.
local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local numbers = tonumber(call('GET', base .. 'numbers') or '0')
local taken = {}            -- key -> field -> value: what this call gives out, over what Redis has
local changed = {}          -- offer_id -> fields of its hash

local function holder_of(key, field)
  local mine = taken[key] and taken[key][field]
  if mine ~= nil then return mine end
  return call('HGET', base .. key, field)
end

local function take(key, field, value)
  taken[key] = taken[key] or {}
  taken[key][field] = value
end

local function fields_of(offer_id)
  if changed[offer_id] ~= nil then return changed[offer_id] end
  local list, fields = call('HGETALL', base .. 'offer:' .. offer_id), {}
  for i = 1, #list, 2 do fields[list[i]] = list[i + 1] end
  return next(fields) and fields or false
end

-- No lead of one length of code begins another: a till's bare code names its offer.
local function lead_is_free(length, lead)
  for n = 1, #lead - 1 do
    local holder = holder_of('leads', length .. ':' .. string.sub(lead, 1, n))
    if holder and holder ~= '+' then return false end
  end
  return not holder_of('leads', length .. ':' .. lead)
end

local function take_lead(length, lead, offer_id)
  for n = 1, #lead - 1 do take('leads', length .. ':' .. string.sub(lead, 1, n), '+') end
  take('leads', length .. ':' .. lead, offer_id)
end

local function first_free(candidates, is_free)
  for _, candidate in ipairs(candidates) do
    if is_free(candidate) then return candidate end
  end
end

local function code_is_free(offer_id)
  return function(code)
    local holder = holder_of('offer_codes', code)
    return not holder or holder == offer_id
  end
end

local function claim_refusal(op, fields)
  local claim = op[OP.claim]
  if not claim then return nil end
  local held = fields and fields.claim and unpack_(fields.claim) or false
  if held and (held.service ~= claim.service or held.holder ~= claim.holder) then
    return REASON.already_claimed, 'by ' .. held.service .. ' ' .. held.holder
  end
  if claim.service == 'outbound' then
    local other = holder_of('campaigns', claim.holder)
    if other and other ~= op[OP.offer_id] then return REASON.campaign_has_offer, other end
  end
end

local function edit_refusal(op, fields)
  if op[OP.expiry_type] and op[OP.expiry_type] ~= fields.expiry_type then return 'expiry.type' end
  if op[OP.codes] and op[OP.codes] ~= fields.codes then return 'coupons.codes' end
  if op[OP.prefix] and op[OP.prefix] ~= fields.lead then return 'coupons.codes.prefix' end
end

-- nil, or a reason and its detail; `found` gets what is free for the offer: lead and code.
local function refusal(op, fields, found)
  local creates, offer_id = op[OP.kind] == 'create', op[OP.offer_id]
  if not creates and not fields then return REASON.offer_not_found end
  if creates and fields then return REASON.offer_exists end
  if op[OP.offer_codes] then
    found.code = first_free(op[OP.offer_codes], code_is_free(offer_id))
    if not found.code then return REASON.offer_code_taken, op[OP.offer_codes][1] end
  end
  if creates and op[OP.leads] then
    found.lead = first_free(op[OP.leads], function(lead)
      return lead_is_free(op[OP.length], lead)
    end)
    if not found.lead then return REASON.code_taken, op[OP.leads][1] end
  end
  local field = not creates and edit_refusal(op, fields)
  if field then return REASON.field_not_editable, field end
  local reason, detail = claim_refusal(op, fields)
  if reason then return reason, detail end
  if op[OP.verdict] then return op[OP.verdict], op[OP.detail] end
end

local function new_fields(op, found)
  numbers = numbers + 1
  take_lead(op[OP.length], found.lead, op[OP.offer_id])
  return {
    number = numbers, version = 0, issued = 0, redeemed = 0, sequence = 0, watermark = 0,
    closed = '0', lead = found.lead, length = op[OP.length], codes = op[OP.codes],
    expiry_type = op[OP.expiry_type], created_at = now, created_by = op[OP.actor],
  }
end

local function change(op, fields, found)
  local offer_id, definition = op[OP.offer_id], op[OP.definition]
  fields = fields or new_fields(op, found)
  if definition then
    fields.definition, fields.limits = definition, op[OP.limits]
    fields.limits.possible_codes = op[OP.radix] ^ (op[OP.length] - #fields.lead)
    fields.limits = pack(fields.limits)
  end
  if found.code and found.code ~= fields.offer_code then
    if fields.offer_code then take('offer_codes', fields.offer_code, false) end
    take('offer_codes', found.code, offer_id)
    fields.offer_code = found.code
  end
  if op[OP.claim] then
    fields.claim = pack(op[OP.claim])
    if op[OP.claim].service == 'outbound' then take('campaigns', op[OP.claim].holder, offer_id) end
  end
  stamp = stamp + 1
  fields.version = tonumber(fields.version) + 1
  fields.modified_at, fields.modified_by, fields.stamp = now, op[OP.actor], stamp
  return fields
end

local function write_changes()
  for key, fields in pairs(taken) do
    for field, value in pairs(fields) do
      if value then write(base .. key, field, value) else call('HDEL', base .. key, field) end
    end
  end
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
    fields.modified_by }
end

local function decide(op)
  local fields, found = fields_of(op[OP.offer_id]), {}
  local reason, detail = refusal(op, fields, found)
  local numbered = fields
  if not reason then
    fields = change(op, fields, found)
    numbered = fields
  end
  if numbered then
    numbered.sequence = tonumber(numbered.sequence) + 1
    changed[op[OP.offer_id]] = numbered
  end
  local head_ = { version = numbered and tonumber(numbered.version),
                  sequence = numbered and numbered.sequence - 1 }
  local forgets = reason == REASON.offer_not_found
  local rest = reason and { detail or false } or snapshot(fields)
  return decision(op, numbered and head_ or false, reason, rest, forgets)
end

return finish(decide, write_changes)
