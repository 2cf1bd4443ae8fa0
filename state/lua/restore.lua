-- Restore: merge facts read from the outcomes into a closed ledger. Each fact may come twice.
-- ARGV[1] the restorer's token, ARGV[2] facts, MessagePack: {kind, offer_id, ...}
if call('GET', base .. 'restorer') ~= ARGV[1] then return { 'FENCED' } end
customers = open_table('customers')
local generations = {}

local facts = {}

-- The serials of generated codes count up; of uploaded ones there is but a count of coupons.
local function note_serial(offer, serial, is_new)
  if not offer.uploaded then offer.issued = max(offer.issued, serial + 1)
  elseif is_new then offer.issued = offer.issued + 1 end
end

function facts.issue(offer, serial, customer_id, customer_key, starts, expires, day, stock)
  local known = coupon_of(offer, serial)
  note_serial(offer, serial, not known)
  offer.taken = max(offer.taken, stock)
  if known then return end
  keep_coupon(offer, serial, { customer_id, starts, expires, false, {} })
  local record = customer_of(customer_key)
  note_issued(record, serial, day)
  keep_customer(customer_key, record)
end

local function use_of(coupon, redemption_id)
  for _, use in ipairs(coupon[COUPON.uses]) do
    if use[USE.redemption_id] == redemption_id then return use end
  end
end

-- What was committed may speak of a coupon or redemption that was decided before it, but lost before
-- it was committed itself. Its serial isn't given again; its redemption counts.
function facts.redeem(offer, serial, redemption_id, customer_id, customer_key, day, discount, bill)
  local coupon = coupon_of(offer, serial)
  note_serial(offer, serial, not coupon)
  coupon = coupon or { customer_id, 0, false, false, {} }
  if use_of(coupon, redemption_id) then return end
  local use, uses = { redemption_id, customer_id, day, false, discount, bill }, coupon[COUPON.uses]
  uses[#uses + 1] = use
  keep_coupon(offer, serial, coupon)
  if coupon[COUPON.recipient] == '' and customer_id ~= '' then
    note_taken(customer_of(customer_key), serial)
  end
  count_redemption(offer, use, customer_key, 1)
end

function facts.reverse(offer, serial, redemption_id, customer_key, reversed_by)
  local coupon = coupon_of(offer, serial)
  local use = coupon and use_of(coupon, redemption_id)
  if not use or use[USE.reversed_by] then return end
  use[USE.reversed_by] = reversed_by
  keep_coupon(offer, serial, coupon)
  count_redemption(offer, use, customer_key, -1)
end

function facts.revoke(offer, watermark, closes, serials, stock)
  offer.watermark = max(offer.watermark, watermark)
  offer.taken = max(offer.taken, stock)
  if not offer.uploaded then offer.issued = max(offer.issued, watermark) end
  offer.closed = offer.closed or (closes and not offer.uploaded)
  for _, serial in ipairs(serials) do
    local coupon = coupon_of(offer, serial)
    if not offer.uploaded then offer.issued = max(offer.issued, serial + 1) end
    if coupon then
      coupon[COUPON.revoked] = true
      keep_coupon(offer, serial, coupon)
    end
  end
end

function facts.export(offer, first, count, day, starts, expires)
  offer.issued = max(offer.issued, first + count)
  if not range_of(offer, first) then add_range(offer, { first, count, day, starts, expires }) end
end

-- A part of an upload that waited for others: codes, customers or stores.
function facts.part(offer, kind, part, parts, generation, first, count, issued, stores)
  local waiting = waiting_for(offer, kind, part, parts, generation > 0 and generation or nil)
  add_part(offer, kind, waiting, { part, first, count, issued, stores or nil })
end

function facts.codes(offer, items, first, stock_first, third_party)
  local stored = uploaded_code(offer, first)
  if stored and stored[1] == items[1][1] then return end
  put_codes(offer, items, first, stock_first, third_party)
end

function facts.codes_in_effect(offer, runs, day, starts, expires, issued, stock)
  offer.upload.upload_codes, offer.new_upload = nil, true
  for _, run in ipairs(runs) do
    if range_of(offer, run[1]) then return end
  end
  put_in_effect(offer, runs, day, starts, expires, issued, stock)
end

function facts.audience(offer, generation, customers_)
  additions[#additions + 1] = { audience_key(offer, generation), customers_ }
  offer.audiences = max(offer.audiences, generation)
end

function facts.audience_in_effect(offer, generation, total)
  local waiting = offer.upload.set_audience
  if waiting and waiting.generation ~= generation then
    unlinked[#unlinked + 1] = audience_key(offer, waiting.generation)
  end
  offer.upload.set_audience, offer.new_upload = nil, true
  if generation > abs(offer.audience) then set_audience_to(offer, generation, total)
  elseif generation < abs(offer.audience) then
    unlinked[#unlinked + 1] = audience_key(offer, generation)
  end
end

function facts.stores_in_effect(offer)
  offer.upload.set_stores, offer.new_upload = nil, true
end

-- The highest sequence and the last moments (milliseconds) seen among an offer's outcomes.
function facts.progress(offer, sequence, last_issued, last_redeemed)
  offer.sequence = max(offer.sequence, sequence)
  offer.last_issued = last_issued or offer.last_issued
  offer.last_redeemed = last_redeemed or offer.last_redeemed
end

function facts.request(_, generation, request_key, content, seconds_to_live)
  local table_ = generations[generation]
  if not table_ then
    table_ = open_table('requests:' .. generation, seconds_to_live)
    generations[generation] = table_
  end
  get(table_, request_key)
  put(table_, request_key, content)
end

local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local stamped = {}
local function offer_fact(offer_id, fields)
  if call('HEXISTS', base .. 'offer:' .. offer_id, 'number') == 1 then
    for _, name in ipairs(COUNTS) do fields[name] = nil end    -- other facts have counted already
    fields.closed = nil
  end
  stamp = stamp + 1
  fields.stamp = stamp
  stamped[offer_id] = stamp
  for field, value in pairs(fields) do write(base .. 'offer:' .. offer_id, field, value) end
  take('offer_codes', fields.offer_code, offer_id)
  if fields.lead ~= '' then take_lead(fields.length, fields.lead, offer_id) end
  local claim = fields.claim and unpack_(fields.claim)
  if claim and claim.service == 'outbound' then take('campaigns', claim.holder, offer_id) end
end

for _, fact in ipairs(unpack_(ARGV[2])) do
  local kind, offer_id = fact[1], fact[2]
  if kind == 'offer' then
    offer_fact(offer_id, fact[3])
  else
    local offer = offer_of(offer_id)
    if offer then offer.changed = true end
    facts[kind](offer, unpack(fact, 3))
  end
end
for offer_id, at in pairs(stamped) do call('ZADD', base .. 'catalogue', at, offer_id) end
call('SET', base .. 'stamp', stamp)
write_registers()
write_parts()
write_all()
return { 'OK' }
