-- Remind: the recipients of a run's coupons that end between two moments and can still be used now,
-- or the POCs of an offer that does. Nothing changes; what is found is told once.
local function read_run(offer, first, last)
  for bucket = floor(first / 64), floor(last / 64) do
    local found = call('HGETALL', coupons_key(offer, bucket))
    for i = 1, #found, 2 do
      offer.coupons[bucket * 64 + tonumber(found[i])] = coupon_in(found[i + 1])
    end
  end
  for serial = first, last do
    if not offer.coupons[serial] then
      offer.coupons[serial] = #ranges_of(offer) > 0 and unwritten_coupon(offer, serial)
    end
  end
end

-- What is nobody's yet has nobody to be told.
local function ending_coupons(op, offer)
  local found, first, second = {}, ops[op + OP.run] * RUN.coupons, floor(now / 1000)
  local last = first + RUN.coupons - 1
  read_run(offer, first, last)
  for serial = first, last do
    local coupon = offer.coupons[serial]
    local end_ = coupon and expiry(offer, coupon[COUPON.expires])
    if end_ and end_ >= ops[op + OP.from] and end_ <= ops[op + OP.to]
        and is_active(offer, serial, coupon, second) and recipient_of(coupon) ~= '' then
      found[#found + 1] = { serial, recipient_of(coupon), coupon[COUPON.starts], end_,
                            offer.uploaded and uploaded_code(offer, serial)[1] }
    end
  end
  return found
end

local function ending_offer(op, offer)
  local end_ = offer.rules[RULE.ends]
  if end_ and end_ >= ops[op + OP.from] and end_ <= ops[op + OP.to] and now / 1000 <= end_ then
    return { end_ }
  end
  return {}
end

return finish(function(op)
  local offer = offer_of(ops[op + OP.offer_id])
  if not offer then return passing(op, false, REASON.offer_not_found) end
  local found = {}
  if ops[op + OP.said] and now <= ops[op + OP.until] * 1000 then
    local look = ops[op + OP.kind] == 'remind' and ending_coupons or ending_offer
    found = look(op, offer)
  end
  decision(op, offer, nil, #found)      -- this is remembered by the request id; who was found isn't
  return pack({ false, offer[COUNT.sequence], offer.rules[RULE.version], now,
                ops[op + OP.occurred_at], #found, ops[op + OP.said], found })
end)
