-- Why an offer isn't created, edited or claimed: a ladder of guards in order of precedence.

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
