-- Revoke: end coupons that were not used. A whole offer by a watermark, customers one by one.
local function revoke_customers(op, offer)
  local ended = {}
  for _, customer in ipairs(ops[op + OP.customers]) do
    for _, serial in ipairs(coupons_of(offer, customer_of(customer[2]), customer[1])) do
      local coupon = coupon_of(offer, serial)
      if is_active(offer, serial, coupon, ops[op + OP.second]) then
        coupon[COUPON.revoked] = true
        keep_coupon(offer, serial, coupon)
        ended[#ended + 1] = serial
      end
    end
  end
  return ended
end

-- Where what is in effect of an uploaded offer's codes ends, as a position.
local function end_of_ranges(offer)
  local ranges = ranges_of(offer)
  local last = ranges[#ranges]
  return last and last[RANGE.first] + last[RANGE.size] or 0
end

-- Nothing more is issued: of an uploaded offer, until more codes are uploaded.
local function end_unissued(offer)
  if offer.uploaded then offer[COUNT.taken] = offer[COUNT.stock] else offer[COUNT.closed] = true end
end

return finish(function(op)
  local offer = offer_of(ops[op + OP.offer_id])
  if not offer then return passing(op, false, REASON.offer_not_found) end
  local count, watermark, stock, ended = false, false, false, {}
  if ops[op + OP.scope] == 'customers' then
    ended = revoke_customers(op, offer)
    count = #ended
  else
    end_unissued(offer)
    stock = offer.uploaded and offer[COUNT.taken]
    if ops[op + OP.scope] == 'unredeemed' then
      offer[COUNT.watermark] = offer.uploaded and end_of_ranges(offer) or offer[COUNT.issued]
      watermark = offer[COUNT.watermark]
    else
      count = 0
    end
  end
  return decision(op, offer, nil, count, watermark, ended, stock)
end)
