-- Reverse: undo one redemption.
local function redemption_in(coupon, op)
  for _, redemption in ipairs(coupon and coupon[COUPON.uses] or {}) do
    if redemption[USE.redemption_id] == op[OP.redemption_id]
        and redemption[USE.customer_id] == op[OP.customer_id] then return redemption end
  end
end

-- The redemption to undo, its coupon and serial.
local function redemption_of(op, offer)
  if offer and offer.limits.codes == 'common' then
    for _, serial in ipairs(issued_serials(offer, customer_of(op[OP.customer_key]))) do
      local coupon = coupon_of(offer, serial)
      local redemption = redemption_in(coupon, op)
      if redemption then return redemption, coupon, serial end
    end
    return nil
  end
  local coupon, serial = issued_coupon(op, offer)
  return redemption_in(coupon, op), coupon, serial
end

local function reverse(op)
  local offer = offer_of(op[OP.offer_id])
  local redemption, coupon, serial = redemption_of(op, offer)
  if not redemption then return decision(op, offer, REASON.redemption_not_found) end
  local reason
  if redemption[USE.reversed_by] then reason = REASON.already_reversed
  elseif revoked(offer, serial, coupon) then reason = REASON.coupon_revoked
  elseif expired(offer, coupon, op[OP.second]) then reason = REASON.coupon_expired end
  if reason then return decision(op, offer, reason, { serial }) end

  redemption[USE.reversed_by] = op[OP.request_id]
  keep_coupon(offer, serial, coupon)
  count_redemption(offer, redemption, op[OP.customer_key], -1)
  return decision(op, offer, nil, totals(op, offer, serial, coupon))
end

return finish(function(op)
  if op[OP.kind] == 'reverse' then return reverse(op) end
  return redeem(op)
end)
