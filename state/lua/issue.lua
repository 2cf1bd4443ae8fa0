-- Issue: hand a customer the offer's next coupon. Resend: say again which a customer has. Each a
-- ladder of guards in order of precedence, then its effects.
-- Was the customer issued a coupon of one of the offers that exclude from this one?
local function received_excluded(op)
  for _, other in ipairs(ops[op + OP.others]) do
    local offer = offer_of(other[1])
    if offer then
      local issued = issued_to(offer, customer_of(other[2]))
      for i = 2, #issued, 2 do
        if issued[i] > ops[op + OP.received_since] then return true end
      end
    end
  end
  return false
end

-- The position of the next free code that is in effect, nil where there is none.
local function next_free(offer)
  while offer[COUNT.taken] < offer[COUNT.stock] do
    local position = tonumber(call('HGET', place_in('stock', offer, offer[COUNT.taken])) or '-1')
    if range_of(offer, position) and not coupon_of(offer, position) then return position end
    offer[COUNT.taken], offer.changed = offer[COUNT.taken] + 1, true      -- its upload was given up
  end
end

local function refusal(op, offer)
  local rules = offer.rules
  if offer_ended(offer, ops[op + OP.second]) then return REASON.offer_expired end
  if rules[RULE.service] ~= ops[op + OP.service] or rules[RULE.holder] ~= ops[op + OP.holder] then
    return REASON.not_claimed_by_service
  end
  if not in_audience(offer, ops[op + OP.customer_id]) then return REASON.not_in_audience end
  if received_excluded(op) then return REASON.received_excluded_offer end
  local issued = issued_to(offer, customer_of(ops[op + OP.customer_key]))
  if rules[RULE.issue_per_customer] and #issued / 2 >= rules[RULE.issue_per_customer] then
    return REASON.customer_limit_reached
  end
  if too_near(issued, 2, #issued, ops[op + OP.day], rules[RULE.issue_gap_days]) then
    return REASON.gap_not_elapsed
  end
  if rules[RULE.issue_total] and total_issued(offer) >= rules[RULE.issue_total] then
    return REASON.offer_limit_reached
  end
  if offer.uploaded then
    if not next_free(offer) then return REASON.codes_exhausted end
  elseif offer[COUNT.closed]
      or (rules[RULE.possible_codes] and offer[COUNT.issued] >= rules[RULE.possible_codes]) then
    return REASON.codes_exhausted
  end
end

-- The serial to give, and its code where that was uploaded.
local function next_serial(offer)
  if not offer.uploaded then return offer[COUNT.issued], false end
  local position = next_free(offer)
  offer[COUNT.taken] = offer[COUNT.taken] + 1
  return position, uploaded_code(offer, position)[1]
end

local function issue(op, offer)
  local reason = refusal(op, offer)
  if reason then return decision(op, offer, reason) end
  local serial, code = next_serial(offer)
  local key = ops[op + OP.customer_key]
  offer[COUNT.issued] = offer[COUNT.issued] + 1
  offer[COUNT.last_issued] = now
  local starts, expires, day = ops[op + OP.starts], ops[op + OP.expires], ops[op + OP.day]
  local apart = note_issued(offer, key, serial, day)
  keep_coupon(offer, serial, { ops[op + OP.customer_id], starts, expires, false, apart })
  note_end(offer, serial, expires)
  return decision(op, offer, nil, serial, starts, expires, expiry(offer, expires), day,
                  #issued_to(offer, customer_of(key)) / 2, total_issued(offer), code,
                  offer.uploaded and offer[COUNT.taken])
end

local function resend(op, offer)
  if offer_ended(offer, ops[op + OP.second]) then
    return decision(op, offer, REASON.offer_expired)
  end
  if not offer.rules[RULE.resend] then return decision(op, offer, REASON.resend_not_allowed) end
  local found = {}
  local record = customer_of(ops[op + OP.customer_key])
  for _, serial in ipairs(coupons_of(offer, record, ops[op + OP.customer_id])) do
    local coupon = coupon_of(offer, serial)
    if is_active(offer, serial, coupon, ops[op + OP.second]) then
      found[#found + 1] = {
        serial, coupon[COUPON.starts], expiry(offer, coupon[COUPON.expires]),
        offer.uploaded and uploaded_code(offer, serial)[1] }
    end
  end
  if #found == 0 then return decision(op, offer, REASON.no_active_coupon) end
  local content, offer_name = unpack(ops[op + OP.resends])
  return decision(op, offer, nil, content, offer_name, found)
end

return finish(function(op)
  local offer = offer_of(ops[op + OP.offer_id])
  if not offer then return passing(op, false, REASON.offer_not_found) end
  if ops[op + OP.kind] == 'resend' then return resend(op, offer) end
  return issue(op, offer)
end)
