-- Redeem, validate: the code's coupon, the guards of refusals.lua, then the effects.
-- {serial, coupon's, customer's, offer's redemptions standing now}
local function totals(op, offer, serial, coupon)
  local of_customer = op[OP.customer_id] ~= '' and redemptions_of(customer_of(op[OP.customer_key]))
  return { serial, standing(coupon), of_customer, offer.redeemed }
end

-- The code's coupon and its serial, nil where none has been issued under it.
local function issued_coupon(op, offer)
  if not offer then return nil end
  local serial = op[OP.serial]
  if offer.uploaded then
    serial = unpack_(get(uploaded_table(), op[OP.code_key]))[2]
  elseif offer.limits.codes == 'common' then
    serial = own_coupon(op, offer)
  elseif not serial or serial >= offer.issued then
    return nil
  end
  return serial and coupon_of(offer, serial) or nil, serial
end

local function use(op, offer, serial, coupon)
  local uses, customer_id = coupon[COUPON.uses], op[OP.customer_id]
  local redemption = { op[OP.request_id], customer_id, op[OP.day], false,
                       op[OP.discount_minor], op[OP.bill_minor], offer.sequence + 1 }
  uses[#uses + 1] = redemption
  keep_coupon(offer, serial, coupon)
  offer.last_redeemed = now
  if coupon[COUPON.recipient] == '' and customer_id ~= '' then
    note_taken(customer_of(op[OP.customer_key]), serial)
  end
  count_redemption(offer, redemption, op[OP.customer_key], 1)
end

local function accept(op, offer, serial, coupon, only_asked, issued)
  if not only_asked then use(op, offer, serial, coupon) end
  local rest = totals(op, offer, serial, coupon)
  rest[5], rest[6] = op[OP.day], op[OP.discount]
  rest[7], rest[8], rest[9] = op[OP.discount_minor], op[OP.bill_minor], issued
  return decision(op, offer, nil, rest, only_asked)
end

-- A common code that its customer was issued nothing under: the coupon is given with its use.
local function redeem_as_newcomer(op, offer, only_asked)
  local reason = newcomers_refusal(op, offer)
  if reason then return decision(op, offer, reason, nil, only_asked) end
  local serial = offer.issued
  local coupon = { op[OP.customer_id], op[OP.starts], op[OP.expires], false, {} }
  if not only_asked then
    offer.issued = serial + 1
    offer.last_issued = now
    coupon_of(offer, serial)
    note_issued(customer_of(op[OP.customer_key]), serial, op[OP.day])
  end
  return accept(op, offer, serial, coupon, only_asked, { op[OP.starts], op[OP.expires] })
end

-- An uploaded code that was never issued: not found, unless its like were revoked.
local function stock_refusal(op, offer)
  if not offer or not offer.uploaded then return nil end
  local position = unpack_(get(uploaded_table(), op[OP.code_key]))[2]
  if position < offer.watermark and range_of(offer, position) then return REASON.coupon_revoked end
end

local function redeem(op)
  local offer = offer_of(op[OP.offer_id])
  local only_asked = op[OP.kind] == 'validate'
  local coupon, serial = issued_coupon(op, offer)
  if not coupon then
    if offer and offer.limits.codes == 'common' then
      return redeem_as_newcomer(op, offer, only_asked)
    end
    local reason = stock_refusal(op, offer)
    if reason then return decision(op, offer, reason, nil, only_asked) end
    return decision(op, offer, REASON.code_not_found, nil, true)
  end
  local reason = refusal(op, offer, serial, coupon)
  if reason then return decision(op, offer, reason, { serial }, only_asked) end
  return accept(op, offer, serial, coupon, only_asked, false)
end
