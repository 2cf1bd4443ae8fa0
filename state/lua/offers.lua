-- Offers: create, edit, claim. The definition is checked outside; here is what only one can have.
local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local numbers = tonumber(call('GET', base .. 'numbers') or '0')
local changed = {}          -- offer_id -> fields of its hash, but for the counts
local removed = {}          -- offer_id -> true: its uploaded stores are no more

local function fields_of(offer_id)
  if changed[offer_id] ~= nil then return changed[offer_id] end
  local list, fields = call('HGETALL', base .. 'offer:' .. offer_id), {}
  for i = 1, #list, 2 do fields[list[i]] = list[i + 1] end
  for _, name in ipairs(COUNTS) do fields[name] = nil end     -- these are the offer table's
  return next(fields) and fields or false
end

-- No lead of one length of code begins another: a till's bare code names its offer.
-- Uploaded codes are marked by their first characters only, so what is longer may be one of them.
-- A common code is a lead that is the whole code: whether it was uploaded is looked up.
local function lead_is_free(op, lead)
  local length, common = ops[op + OP.length], ops[op + OP.code_key] ~= ''
  for n = 1, #lead - 1 do
    local holder = holder_of('leads', length .. ':' .. string.sub(lead, 1, n))
    if holder and holder ~= '+' and not (common and holder == 'uploaded') then return false end
  end
  if common and get(uploaded_table(), ops[op + OP.code_key]) then return false end
  return not holder_of('leads', length .. ':' .. lead)
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
  local claim = ops[op + OP.claim]
  if not claim then return nil end
  local held = fields and fields.claim and unpack_(fields.claim) or false
  if held and (held.service ~= claim.service or held.holder ~= claim.holder) then
    return REASON.already_claimed, 'by ' .. held.service .. ' ' .. held.holder
  end
  if claim.service == 'outbound' then
    local other = holder_of('campaigns', claim.holder)
    if other and other ~= ops[op + OP.offer_id] then return REASON.campaign_has_offer, other end
  end
end

local function edit_refusal(op, fields)
  if ops[op + OP.expiry_type] and ops[op + OP.expiry_type] ~= fields.expiry_type then
    return 'expiry.type'
  end
  if ops[op + OP.codes] and ops[op + OP.codes] ~= fields.codes then return 'coupons.codes' end
  if ops[op + OP.prefix] and ops[op + OP.prefix] ~= fields.lead then
    return 'coupons.codes.prefix'
  end
end

-- nil, or a reason and its detail; `found` gets what is free for the offer: lead and code.
local function refusal(op, fields, found)
  local creates, offer_id = ops[op + OP.kind] == 'create', ops[op + OP.offer_id]
  if not creates and not fields then return REASON.offer_not_found end
  if creates and fields then return REASON.offer_exists end
  if ops[op + OP.offer_codes] then
    found.code = first_free(ops[op + OP.offer_codes], code_is_free(offer_id))
    if not found.code then return REASON.offer_code_taken, ops[op + OP.offer_codes][1] end
  end
  if creates and ops[op + OP.leads] then
    found.lead = first_free(ops[op + OP.leads], function(lead) return lead_is_free(op, lead) end)
    if not found.lead then return REASON.code_taken, ops[op + OP.leads][1] end
  end
  local field = not creates and edit_refusal(op, fields)
  if field then return REASON.field_not_editable, field end
  local reason, detail = claim_refusal(op, fields)
  if reason then return reason, detail end
  if ops[op + OP.verdict] then return ops[op + OP.verdict], ops[op + OP.detail] end
end

local function new_fields(op, found)
  numbers = numbers + 1
  if found.lead then take_lead(ops[op + OP.length], found.lead, ops[op + OP.offer_id]) end
  return {
    number = numbers, version = 0, issued = 0, redeemed = 0, sequence = 0, watermark = 0,
    discounted = 0, revenue = 0, closed = '0', lead = found.lead or '',
    length = ops[op + OP.length], codes = ops[op + OP.codes], expiry_type = ops[op + OP.expiry_type], created_at = now,
    created_by = ops[op + OP.actor],
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
  fields = fields or new_fields(op, found)
  if definition then
    fields.definition, fields.limits = definition, ops[op + OP.limits]
    if fields.limits.codes == 'generated' then
      fields.limits.possible_codes = ops[op + OP.radix] ^ (ops[op + OP.length] - #fields.lead)
    end
    fields.limits = pack(fields.limits)
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
  local offer = offer_of(ops[op + OP.offer_id])
  fields = change(op, fields, found)
  if offer then learn_rules(offer, fields) else offer = new_offer(ops[op + OP.offer_id], fields) end
  return decision(op, offer, nil, unpack(snapshot(fields)))
end
