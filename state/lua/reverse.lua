-- Reverse: undo one redemption.
local function redemption_in(coupon, op)
  if not coupon then return nil end
  for use = COUPON.width, #coupon - 1, USE.width do
    if coupon[use + USE.redemption_id] == ops[op + OP.redemption_id]
        and coupon[use + USE.customer_id] == ops[op + OP.customer_id] then return use end
  end
end

-- The redemption to undo (where in its coupon), that coupon and its serial.
local function redemption_of(op, offer)
  if offer and offer.rules[RULE.codes] == 'common' then
    for _, serial in ipairs(issued_serials(offer, customer_of(ops[op + OP.customer_key]))) do
      local coupon = coupon_of(offer, serial)
      local use = redemption_in(coupon, op)
      if use then return use, coupon, serial end
    end
    return nil
  end
  local coupon, serial = issued_coupon(op, offer)
  return redemption_in(coupon, op), coupon, serial
end

-- How many redemptions stand now: the coupon's, the customer's (false: nobody's), the offer's.
local function totals(op, offer, coupon)
  local of_customer = ops[op + OP.customer_id] ~= ''
    and redemptions_of(
      offer, coupon, ops[op + OP.customer_id], ops[op + OP.customer_key], ops[op + OP.day])
  return standing(coupon), of_customer, offer[COUNT.redeemed]
end

local function reverse(op)
  local offer = offer_of(ops[op + OP.offer_id])
  local use, coupon, serial = redemption_of(op, offer)
  if not use then return decision(op, offer, REASON.redemption_not_found) end
  local reason
  if coupon[use + USE.reversed_by] then reason = REASON.already_reversed
  elseif revoked(offer, serial, coupon, standing(coupon)) then reason = REASON.coupon_revoked
  elseif expired(offer, coupon, ops[op + OP.second]) then reason = REASON.coupon_expired end
  if reason then return decision(op, offer, reason, serial) end

  coupon[use + USE.reversed_by] = ops[op + OP.request_id]
  keep_coupon(offer, serial, coupon)
  count_redemption(offer, coupon, use, ops[op + OP.customer_key], -1)
  return decision(op, offer, nil, serial, totals(op, offer, coupon))
end

return finish(function(op)
  if ops[op + OP.kind] == 'reverse' then return reverse(op) end
  return redeem(op)
end)
