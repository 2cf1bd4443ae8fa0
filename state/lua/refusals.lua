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

-- What about the coupon itself refuses, nil where it can be used.
local function coupon_refusal(op, offer, serial, coupon)
  if revoked(offer, serial, coupon) then return REASON.coupon_revoked end
  if used_up(offer, coupon) then return REASON.coupon_redeemed end
  if expired(offer, coupon, ops[op + OP.second]) then return REASON.coupon_expired end
  if ops[op + OP.second] < coupon[COUPON.starts] then return REASON.not_started end
end

local function recipient_refusal(op, offer, coupon)
  if offer.limits[LIMIT.anyone_may_redeem] then return nil end
  local recipient = recipient_of(coupon)
  if recipient == '' and ops[op + OP.customer_id] == '' then return REASON.customer_required end
  if recipient ~= '' and recipient ~= ops[op + OP.customer_id] then return REASON.not_recipient end
end

local function limit_refusal(op, offer, coupon)
  local limits = offer.limits
  if ops[op + OP.customer_id] ~= '' then
    local most = limits[LIMIT.redeem_per_customer]
    local count, near = redemptions_of(
      offer, coupon, ops[op + OP.customer_id], ops[op + OP.customer_key], ops[op + OP.day])
    if most and count >= most then return REASON.customer_limit_reached end
    if near then return REASON.gap_not_elapsed end
  end
  if limits[LIMIT.redeem_total] and offer.redeemed >= limits[LIMIT.redeem_total] then
    return REASON.offer_limit_reached
  end
end

local function budget_refusal(op, offer)
  local most, goal = offer.limits[LIMIT.budget_discount], offer.limits[LIMIT.revenue_goal]
  if (most and offer.discounted + ops[op + OP.discount_minor] > most)
      or (goal and offer.revenue >= goal) then
    return REASON.budget_exhausted
  end
end

local function refusal(op, offer, serial, coupon)
  return coupon_refusal(op, offer, serial, coupon)
      or recipient_refusal(op, offer, coupon)
      or ops[op + OP.verdict] or nil
      or limit_refusal(op, offer, coupon)
      or budget_refusal(op, offer)
end
