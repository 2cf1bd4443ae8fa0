-- Why a coupon isn't redeemed: a ladder of guards in order of precedence.

-- An uploaded code's offer was looked up before the call; a restore may have changed it since.
for op = 1, last_op, OP.width do
  if ops[op + OP.code_key] ~= '' then
    local found = get(uploaded_table(), ops[op + OP.code_key])
    local offer = offer_of(ops[op + OP.offer_id])
    if not found or not offer or text(unpack_(found)[1]) ~= offer.number then
      return { 'STALE' }
    end
  end
end

-- What about the coupon itself refuses, nil where it can be used. `stands`: how many redemptions of
-- it do.
local function coupon_refusal(offer, serial, coupon, stands, second)
  if revoked(offer, serial, coupon, stands) then return REASON.coupon_revoked end
  if used_up(offer, stands) then return REASON.coupon_redeemed end
  if expired(offer, coupon, second) then return REASON.coupon_expired end
  if second < coupon[COUPON.starts] then return REASON.not_started end
end

local function recipient_refusal(offer, coupon, customer_id)
  if customer_id ~= '' and coupon[COUPON.recipient] == customer_id
      or offer.rules[RULE.anyone_may_redeem] then return nil end
  local recipient = recipient_of(coupon)
  if recipient == '' and customer_id == '' then return REASON.customer_required end
  if recipient ~= '' and recipient ~= customer_id then return REASON.not_recipient end
end

-- And how many redemptions of the customer stand, false for nobody's. `coupon`: false for a newcomer.
local function limit_refusal(op, offer, coupon, customer_id)
  local rules, of_customer = offer.rules, false
  if customer_id ~= '' then
    local most, near = rules[RULE.redeem_per_customer], nil
    of_customer, near = redemptions_of(
      offer, coupon, customer_id, ops[op + OP.customer_key], ops[op + OP.day])
    if most and of_customer >= most then return REASON.customer_limit_reached end
    if near then return REASON.gap_not_elapsed end
  end
  local most = rules[RULE.redeem_total]
  if most and offer[COUNT.redeemed] >= most then return REASON.offer_limit_reached end
  return nil, of_customer
end

local function budget_refusal(op, offer)
  local most, goal = offer.rules[RULE.budget_discount], offer.rules[RULE.revenue_goal]
  if (most and offer[COUNT.discounted] + ops[op + OP.discount_minor] > most)
      or (goal and offer[COUNT.revenue] >= goal) then
    return REASON.budget_exhausted
  end
end

-- Where nothing refuses: nil, and how many redemptions stand, of the coupon and of the customer.
local function refusal(op, offer, serial, coupon)
  local stands, customer_id = standing(coupon), ops[op + OP.customer_id]
  local reason = coupon_refusal(offer, serial, coupon, stands, ops[op + OP.second])
      or recipient_refusal(offer, coupon, customer_id)
      or ops[op + OP.verdict]
  if reason then return reason end
  local of_customer
  reason, of_customer = limit_refusal(op, offer, coupon, customer_id)
  return reason or budget_refusal(op, offer), stands, of_customer
end
