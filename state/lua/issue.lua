-- Issue: hand a customer the offer's next coupon. A ladder of guards in order of precedence.
local function refusal(op, offer)
  local limits, record = offer.limits, customer_of(op[OP.customer_key])
  local claim, offer_end = offer.claim, offer.ends
  if offer_end and op[OP.second] > offer_end then return REASON.offer_expired end
  if not claim or claim.service ~= op[OP.service] or claim.holder ~= op[OP.holder] then
    return REASON.not_claimed_by_service
  end
  if limits.issue_per_customer and issues_of(record) >= limits.issue_per_customer then
    return REASON.customer_limit_reached
  end
  if too_near(record[CUSTOMER.issued], 2, op[OP.day], limits.issue_gap_days) then
    return REASON.gap_not_elapsed
  end
  if limits.issue_total and offer.issued >= limits.issue_total then
    return REASON.offer_limit_reached
  end
  if offer.closed or offer.issued >= limits.possible_codes then return REASON.codes_exhausted end
end

local function resend_refusal(op, offer)
  if offer.ends and op[OP.second] > offer.ends then return REASON.offer_expired end
  return REASON.resend_not_allowed       -- no offer that allows it is accepted yet
end

return finish(function(op)
  local offer = offer_of(op[OP.offer_id])
  if not offer then return decision(op, false, REASON.offer_not_found, nil, true) end
  if op[OP.kind] == 'resend' then return decision(op, offer, resend_refusal(op, offer)) end
  local reason = refusal(op, offer)
  if reason then return decision(op, offer, reason) end

  local serial, record = offer.issued, customer_of(op[OP.customer_key])
  local coupon = { op[OP.customer_id], op[OP.starts], op[OP.expires], false, {} }
  offer.issued = serial + 1
  offer.last_issued = now
  coupon_of(offer, serial)
  keep_coupon(offer, serial, coupon)
  local issued = record[CUSTOMER.issued]
  issued[#issued + 1] = serial
  issued[#issued + 1] = op[OP.day]
  keep_customer(op[OP.customer_key], record)
  return decision(op, offer, nil, {
    serial, op[OP.starts], op[OP.expires], expiry(offer, coupon), op[OP.day],
    issues_of(record), offer.issued })
end)
