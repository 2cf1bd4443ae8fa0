-- Exports: a run of serials is issued at once, without a recipient and without a record of each.
local function export_refusal(op, offer)
  local limits, after = offer.limits, total_issued(offer) + ops[op + OP.wanted]
  if offer.ends and ops[op + OP.second] > offer.ends then return REASON.offer_expired end
  if not offer.claim then return REASON.not_claimed_by_service, 'nobody has claimed the offer' end
  if limits[LIMIT.issue_total] and after > limits[LIMIT.issue_total] then
    return REASON.offer_limit_reached, 'issue.max_total leaves ' ..
      text(limits[LIMIT.issue_total] - total_issued(offer))
  end
  local serials = offer.issued + ops[op + OP.wanted]
  if offer.closed or (limits[LIMIT.possible_codes] and serials > limits[LIMIT.possible_codes]) then
    return REASON.codes_exhausted
  end
  if not limits[LIMIT.third_party] or limits[LIMIT.codes] ~= 'generated' then
    return REASON.invalid_offer,
      'coupons: only generated codes that a third party delivers are exported'
  end
end

local function export(op, offer)
  local reason, detail = export_refusal(op, offer)
  if reason then return decision(op, offer, reason, detail or false) end
  local first, starts, expires = offer.issued, ops[op + OP.starts], ops[op + OP.expires]
  add_range(offer, { first, ops[op + OP.wanted], ops[op + OP.day], starts, expires })
  offer.issued = first + ops[op + OP.wanted]
  offer.last_issued = now
  return decision(op, offer, nil, first, ops[op + OP.wanted], ops[op + OP.day], starts, expires,
                  expiry(offer, expires), total_issued(offer))
end
