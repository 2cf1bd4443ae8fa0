-- A common code stands for each customer's own coupons: the oldest that can be used, else the one
-- that came nearest to it.
local nearness = { [REASON.coupon_revoked] = 1, [REASON.coupon_redeemed] = 2,
                   [REASON.coupon_expired] = 3, [REASON.not_started] = 4 }
local function own_coupon(op, offer)
  local found, best
  for _, serial in ipairs(issued_serials(offer, customer_of(ops[op + OP.customer_key]))) do
    local coupon = coupon_of(offer, serial)
    local reason = coupon_refusal(offer, serial, coupon, standing(coupon), ops[op + OP.second])
    if not reason then return serial end
    if not best or nearness[reason] > best then found, best = serial, nearness[reason] end
  end
  return found
end

-- What refuses a customer who was issued none, before what the bill says.
local function newcomer_refusal(op, offer)
  if offer_ended(offer, ops[op + OP.second]) then return REASON.offer_expired end
  if ops[op + OP.second] < ops[op + OP.starts] then return REASON.not_started end
  if ops[op + OP.customer_id] == '' then return REASON.customer_required end
  if not offer.rules[RULE.anyone_may_redeem]
      or not in_audience(offer, ops[op + OP.customer_id]) then
    return REASON.not_recipient
  end
end

local function exhausted(offer)
  local most = offer.rules[RULE.issue_total]
  if offer[COUNT.closed] or (most and total_issued(offer) >= most) then
    return REASON.offer_limit_reached
  end
end

-- As `refusal`, for a customer without a coupon.
local function newcomers_refusal(op, offer)
  local reason = newcomer_refusal(op, offer) or ops[op + OP.verdict]
  if reason then return reason end
  local of_customer
  reason, of_customer = limit_refusal(op, offer, false, ops[op + OP.customer_id])
  return reason or exhausted(offer) or budget_refusal(op, offer), 0, of_customer
end
