-- Redeem, validate, reverse. Each a ladder of guards in order of precedence, then its effects.
local function refusal(op, offer, coupon)
  local limits, serial = offer.limits, op[OP.serial]
  local has_customer = op[OP.customer_id] ~= ''
  local record = has_customer and customer_of(op[OP.customer_key])
  local expires = expiry(offer, coupon)
  if revoked(offer, serial, coupon) then return REASON.coupon_revoked end
  if limits.uses_per_coupon and standing(coupon) >= limits.uses_per_coupon then
    return REASON.coupon_redeemed
  end
  if expires and op[OP.second] > expires then return REASON.coupon_expired end
  if op[OP.second] < coupon[COUPON.starts] then return REASON.not_started end
  if not limits.anyone_may_redeem and coupon[COUPON.recipient] ~= op[OP.customer_id] then
    return REASON.not_recipient
  end
  if op[OP.verdict] then return op[OP.verdict] end
  if record and limits.redeem_per_customer
      and redemptions_of(record) >= limits.redeem_per_customer then
    return REASON.customer_limit_reached
  end
  if record and too_near(record[CUSTOMER.redeemed], 1, op[OP.day], limits.redeem_gap_days) then
    return REASON.gap_not_elapsed
  end
  if limits.redeem_total and offer.redeemed >= limits.redeem_total then
    return REASON.offer_limit_reached
  end
end

-- {serial, coupon's, customer's, offer's redemptions standing now}
local function totals(op, offer, coupon)
  local of_customer = op[OP.customer_id] ~= '' and redemptions_of(customer_of(op[OP.customer_key]))
  return { op[OP.serial], standing(coupon), of_customer, offer.redeemed }
end

-- The code's coupon, nil where none has been issued under it.
local function issued_coupon(op, offer)
  local serial = op[OP.serial]
  if offer and serial and serial < offer.issued then return coupon_of(offer, serial) or nil end
end

local function redeem(op)
  local offer = offer_of(op[OP.offer_id])
  local coupon = issued_coupon(op, offer)
  local only_asked = op[OP.kind] == 'validate'
  if not coupon then return decision(op, offer, REASON.code_not_found, nil, true) end
  local reason = refusal(op, offer, coupon)
  if reason then return decision(op, offer, reason, { op[OP.serial] }, only_asked) end
  if not only_asked then
    local uses = coupon[COUPON.uses]
    uses[#uses + 1] = { op[OP.request_id], op[OP.customer_id], op[OP.day], false }
    keep_coupon(offer, op[OP.serial], coupon)
    offer.redeemed = offer.redeemed + 1
    offer.last_redeemed = now
    if op[OP.customer_id] ~= '' then
      local record = customer_of(op[OP.customer_key])
      count_day(record, op[OP.day], 1)
      keep_customer(op[OP.customer_key], record)
    end
  end
  local rest = totals(op, offer, coupon)
  rest[5], rest[6] = op[OP.day], op[OP.discount]
  return decision(op, offer, nil, rest, only_asked)
end

local function redemption_of(coupon, op)
  for _, use in ipairs(coupon and coupon[COUPON.uses] or {}) do
    if use[USE.redemption_id] == op[OP.redemption_id]
        and use[USE.customer_id] == op[OP.customer_id] then return use end
  end
end

local function reverse(op)
  local offer = offer_of(op[OP.offer_id])
  local coupon = issued_coupon(op, offer)
  local use = redemption_of(coupon, op)
  if not use then return decision(op, offer, REASON.redemption_not_found) end
  local expires, serial, reason = expiry(offer, coupon), op[OP.serial], nil
  if use[USE.reversed_by] then reason = REASON.already_reversed
  elseif revoked(offer, serial, coupon) then reason = REASON.coupon_revoked
  elseif expires and op[OP.second] > expires then reason = REASON.coupon_expired end
  if reason then return decision(op, offer, reason, { serial }) end

  use[USE.reversed_by] = op[OP.request_id]
  keep_coupon(offer, serial, coupon)
  offer.redeemed = offer.redeemed - 1
  if op[OP.customer_id] ~= '' then
    local record = customer_of(op[OP.customer_key])
    count_day(record, use[USE.day], -1)
    keep_customer(op[OP.customer_key], record)
  end
  return decision(op, offer, nil, totals(op, offer, coupon))
end

return finish(function(op)
  if op[OP.kind] == 'reverse' then return reverse(op) end
  return redeem(op)
end)
