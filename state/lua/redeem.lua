-- Redeem, validate: the code's coupon, the guards of refusals.lua, then the effects.

-- The code's coupon and its serial, nil where none has been issued under it.
local function issued_coupon(op, offer)
  if not offer then return nil end
  local serial = ops[op + OP.serial]
  if offer.uploaded then
    serial = unpack_(get(uploaded_table(), ops[op + OP.code_key]))[2]
  elseif offer.rules[RULE.codes] == 'common' then
    serial = own_coupon(op, offer)
  elseif not serial or serial >= offer[COUNT.issued] then
    return nil
  end
  return serial and coupon_of(offer, serial) or nil, serial
end

local function note_use(op, offer, serial, coupon)
  local customer_id, use = ops[op + OP.customer_id], #coupon
  coupon[use + USE.redemption_id] = ops[op + OP.request_id]
  coupon[use + USE.customer_id] = customer_id
  coupon[use + USE.day] = ops[op + OP.day]
  coupon[use + USE.reversed_by] = false
  coupon[use + USE.discount_minor] = ops[op + OP.discount_minor]
  coupon[use + USE.bill_minor] = ops[op + OP.bill_minor]
  coupon[use + USE.sequence] = offer[COUNT.sequence] + 1
  keep_coupon(offer, serial, coupon)
  offer[COUNT.last_redeemed] = now
  if coupon[COUPON.recipient] == '' and customer_id ~= '' then
    note_taken(offer, ops[op + OP.customer_key], serial)
  end
  count_redemption(offer, coupon, use, ops[op + OP.customer_key], 1)
end

-- How a request is answered: who only asks changes no count.
local function teller(op) return ops[op + OP.kind] == 'validate' and passing or decision end

-- `stands`, `of_customer`: how many redemptions did before, of the coupon and of the customer.
local function accept(op, offer, serial, coupon, tell, stands, of_customer, issued)
  if tell == decision then
    note_use(op, offer, serial, coupon)
    stands, of_customer = stands + 1, of_customer and of_customer + 1
  end
  return tell(op, offer, nil, serial, stands, of_customer, offer[COUNT.redeemed], ops[op + OP.day],
              ops[op + OP.lines], ops[op + OP.discount_minor], ops[op + OP.bill_minor], issued)
end

-- A common code that its customer was issued nothing under: the coupon is given with its use.
local function redeem_as_newcomer(op, offer, tell)
  local reason, stands, of_customer = newcomers_refusal(op, offer)
  if reason then return tell(op, offer, reason) end
  local serial, starts, expires = offer[COUNT.issued], ops[op + OP.starts], ops[op + OP.expires]
  local coupon = { ops[op + OP.customer_id], starts, expires, false, true }
  if tell == decision then
    offer[COUNT.issued] = serial + 1
    offer[COUNT.last_issued] = now
    coupon[COUPON.apart] = note_issued(offer, ops[op + OP.customer_key], serial, ops[op + OP.day])
    note_end(offer, serial, expires)
  end
  return accept(op, offer, serial, coupon, tell, stands, of_customer, { starts, expires })
end

-- An uploaded code that was never issued: not found, unless its like were revoked.
local function stock_refusal(op, offer)
  if not offer or not offer.uploaded then return nil end
  local position = unpack_(get(uploaded_table(), ops[op + OP.code_key]))[2]
  if position < offer[COUNT.watermark] and range_of(offer, position) then
    return REASON.coupon_revoked
  end
end

local function redeem(op)
  local offer = offer_of(ops[op + OP.offer_id])
  local tell = teller(op)
  local coupon, serial = issued_coupon(op, offer)
  if not coupon then
    if offer and offer.rules[RULE.codes] == 'common' then
      return redeem_as_newcomer(op, offer, tell)
    end
    local reason = stock_refusal(op, offer)
    if reason then return tell(op, offer, reason) end
    return passing(op, offer, REASON.code_not_found)
  end
  local reason, stands, of_customer = refusal(op, offer, serial, coupon)
  if reason then return tell(op, offer, reason, serial) end
  return accept(op, offer, serial, coupon, tell, stands, of_customer, false)
end
