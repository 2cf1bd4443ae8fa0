-- Exports: a run of serials is issued at once, without a recipient and without a record of each.
local function export_refusal(op, offer)
  local rules, after = offer.rules, total_issued(offer) + ops[op + OP.wanted]
  if offer_ended(offer, ops[op + OP.second]) then return REASON.offer_expired end
  if not rules[RULE.service] then
    return REASON.not_claimed_by_service, 'nobody has claimed the offer'
  end
  if rules[RULE.issue_total] and after > rules[RULE.issue_total] then
    return REASON.offer_limit_reached, 'issue.max_total leaves ' ..
      text(rules[RULE.issue_total] - total_issued(offer))
  end
  local serials = offer[COUNT.issued] + ops[op + OP.wanted]
  if offer[COUNT.closed]
      or (rules[RULE.possible_codes] and serials > rules[RULE.possible_codes]) then
    return REASON.codes_exhausted
  end
  if not rules[RULE.third_party] or rules[RULE.codes] ~= 'generated' then
    return REASON.invalid_offer,
      'coupons: only generated codes that a third party delivers are exported'
  end
end

local function export(op, offer)
  local reason, detail = export_refusal(op, offer)
  if reason then return decision(op, offer, reason, detail or false) end
  local first, starts, expires = offer[COUNT.issued], ops[op + OP.starts], ops[op + OP.expires]
  add_range(offer, { first, ops[op + OP.wanted], ops[op + OP.day], starts, expires })
  offer[COUNT.issued] = first + ops[op + OP.wanted]
  offer[COUNT.last_issued] = now
  return decision(op, offer, nil, first, ops[op + OP.wanted], ops[op + OP.day], starts, expires,
                  expiry(offer, expires), total_issued(offer))
end
