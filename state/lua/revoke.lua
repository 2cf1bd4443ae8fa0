-- Revoke: end coupons that were not used. A whole offer by a watermark, customers one by one.
local function revoke_customers(op, offer)
  local ended = {}
  for _, key in ipairs(op[OP.customer_keys]) do
    local issued = customer_of(key)[CUSTOMER.issued]
    for i = 1, #issued, 2 do
      local serial = issued[i]
      local coupon = coupon_of(offer, serial)
      local expires, uses = expiry(offer, coupon), offer.limits.uses_per_coupon
      local active = not revoked(offer, serial, coupon)
          and not (expires and op[OP.second] > expires)
          and not (uses and standing(coupon) >= uses)
      if active then
        coupon[COUPON.revoked] = true
        keep_coupon(offer, serial, coupon)
        ended[#ended + 1] = serial
      end
    end
  end
  return ended
end

return finish(function(op)
  local offer = offer_of(op[OP.offer_id])
  if not offer then return decision(op, false, REASON.offer_not_found, nil, true) end
  local count, watermark, ended = false, false, {}
  if op[OP.scope] == 'customers' then
    ended = revoke_customers(op, offer)
    count = #ended
  else
    offer.closed = true
    if op[OP.scope] == 'unredeemed' then
      offer.watermark = offer.issued
      watermark = offer.watermark
    else
      count = 0
    end
  end
  return decision(op, offer, nil, { count, watermark, ended })
end)
