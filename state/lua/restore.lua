-- Restore: merge what outcomes changed into a closed ledger, and note how far that is.
-- ARGV[1] the restorer's token, ARGV[2] MessagePack of what `Restorer.take` in state/restore.py
-- gives. Every outcome comes once: `applied` of its partition moves in the same call. Tables that
-- grow have their buckets already (grow.lua), so Python says in which each of their entries lies.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
local content = unpack_(ARGV[2])
for place, moves in pairs(content.chains) do
  local applied = tonumber(call('HGET', base .. 'chain:' .. place, 'applied') or '0')
  if applied ~= moves[1] then return { 'FENCED' } end
end
customers = open_table('customers')
customers.keeps_its_buckets = true

-- Serials ------------------------------------------------------------------------------------------
-- Partitions are read side by side, so serials come in any order. Those below `issued` that nobody
-- was given yet are skipped ones.
local function give_serials(offer, first, count)
  local next_ = offer.issued
  local filled = max(0, math.min(next_, first + count) - first)
  offer.skipped = offer.skipped + max(0, first - next_) - filled
  offer.issued = max(next_, first + count)
end

-- What was committed may speak of a serial whose issue was lost before its commit. It isn't given
-- again, and is nobody's.
local function skip_up_to(offer, next_)
  if offer.uploaded or next_ <= offer.issued then return end
  offer.skipped = offer.skipped + next_ - offer.issued
  offer.issued = next_
end

-- Reads the coupons of sorted facts, a hash of 64 at a time.
local function look_up_coupons(offer, list, width)
  local first = 1
  while first <= #list do
    local bucket, last = floor(list[first] / 64), first
    while list[last + width] and floor(list[last + width] / 64) == bucket do
      last = last + width
    end
    local key, fields = base .. 'coupons:' .. offer.number .. ':' .. text(bucket), {}
    for i = first, last, width do fields[#fields + 1] = texts[list[i] % 64] end
    local found = offer.uploaded or bucket * 64 < offer.before.issued
    found = found and call('HMGET', key, unpack(fields)) or {}
    for i = first, last, width do
      local packed = found[(i - first) / width + 1]
      offer.coupons[list[i]] = offer.coupons[list[i]]
        or { key = key, field = texts[list[i] % 64], coupon = packed and unpack_(packed) or false }
    end
    first = last + width
  end
end

-- Issues -------------------------------------------------------------------------------------------
local function note_issue(offer, serial, customer_key, day)
  if offer.uploaded then offer.issued = offer.issued + 1 else give_serials(offer, serial, 1) end
  local record = customer_of(customer_key)
  note_issued(record, serial, day)
  keep_customer(customer_key, record)
end

-- serial, coupon of each, by serial. A serial is issued once, and none of these was used yet.
local function issues(offer, list)
  local coupons, bucket, pairs_ = base .. 'coupons:' .. offer.number .. ':', -1, nil
  for i = 1, #list, 2 do
    local serial = list[i]
    if floor(serial / 64) ~= bucket then
      bucket = floor(serial / 64)
      local key = coupons .. text(bucket)
      pairs_ = hashes[key] or {}
      hashes[key] = pairs_
    end
    pairs_[#pairs_ + 1] = texts[serial % 64]
    pairs_[#pairs_ + 1] = list[i + 1]
    if not offer.uploaded then give_serials(offer, serial, 1) end
  end
  if offer.uploaded then offer.issued = offer.issued + #list / 2 end
end

-- bucket, customer's key, record of one who was issued just this coupon, of each: most have no
-- other.
local function issued_to_customers(list)
  for i = 1, #list, 3 do
    local key = list[i + 1]
    if not records[key] and call('HSETNX', list[i], key, list[i + 2]) == 1 then
      customers.entries = customers.entries + 1
    else
      local issued = unpack_(list[i + 2])[CUSTOMER.issued]
      local record = customer_of(key)
      note_issued(record, issued[1], issued[2])
      keep_customer(key, record)
    end
  end
  call('HSET', base .. 'sizes', 'customers', customers.entries)
end

-- bucket, key, fingerprint and decision of each.
local function remember(generation, list)
  local added = 0
  for i = 1, #list, 3 do added = added + call('HSET', list[i], list[i + 1], list[i + 2]) end
  call('HINCRBY', base .. 'sizes', 'requests:' .. generation, added)
end

-- Redemptions and their reversals ------------------------------------------------------------------
local reversals = base .. 'reversals'
local some_wait = call('EXISTS', reversals) == 1
local arrived = {}          -- of `reversals`: what this call adds, false for what it takes away

local function name_of(offer, serial, redemption_id)
  return offer.number .. ':' .. text(serial) .. ':' .. redemption_id
end

local function undo(offer, serial, coupon, use, key, reversed_by)
  use[USE.reversed_by] = reversed_by
  keep_coupon(offer, serial, coupon)
  count_redemption(offer, use, key, -1)
end

-- The reversal that came before its redemption, if it was decided after it.
local function reversal_of(offer, serial, use)
  local name = name_of(offer, serial, use[USE.redemption_id])
  local waits = call('HGET', reversals, name)
  if not waits then return nil end
  local reversed_by, sequence = unpack(unpack_(waits))
  if sequence < use[USE.sequence] then return nil end
  arrived[name] = false
  return reversed_by
end

-- Customer's part of a key of theirs: 4 bytes of hash, the offer's number and a colon before it.
local function customer_in(offer, key) return string.sub(key, 6 + #offer.number) end

-- In the order of decisions, which says whose a coupon without a recipient is.
local function add_use(coupon, use)
  local uses = coupon[COUPON.uses]
  local place = #uses + 1
  while place > 1 and (uses[place - 1][USE.sequence] or 0) > use[USE.sequence] do
    place = place - 1
  end
  table.insert(uses, place, use)
end

-- serial, redemption_id, customer's key or '', day, discount, bill, sequence of each, by serial
local function redemptions(offer, list)
  look_up_coupons(offer, list, 7)
  for i = 1, #list, 7 do
    local serial, redemption_id, key, day, discount, bill, sequence = unpack(list, i, i + 6)
    local customer_id = key ~= '' and customer_in(offer, key) or ''
    local coupon = offer.coupons[serial].coupon
    if not coupon and #offer.ranges > 0 then coupon = unwritten_coupon(offer, serial) end
    if not coupon then
      coupon = { customer_id, 0, false, false, {} }
      skip_up_to(offer, serial + 1)
    end
    local use = { redemption_id, customer_id, day, false, discount, bill, sequence }
    add_use(coupon, use)
    keep_coupon(offer, serial, coupon)
    if coupon[COUPON.recipient] == '' and customer_id ~= '' then
      note_taken(customer_of(key), serial)
    end
    count_redemption(offer, use, key, 1)
    local reversed_by = some_wait and reversal_of(offer, serial, use)
    if reversed_by then undo(offer, serial, coupon, use, key, reversed_by) end
  end
end

local facts = {}

-- A coupon that a common code gave with its redemption, whose fact comes after it.
function facts.given(offer, serial, packed, customer_key, day)
  local known = coupon_of(offer, serial)
  local coupon = unpack_(packed)
  if known then coupon[COUPON.uses] = known[COUPON.uses] end
  keep_coupon(offer, serial, coupon)
  note_issue(offer, serial, customer_key, day)
end

-- Its redemption may come later, or never: one that was lost before it was committed isn't undone
-- by this where it was decided again.
function facts.reverse(offer, serial, redemption_id, customer_key, reversed_by, sequence)
  local coupon = coupon_of(offer, serial)
  for _, use in ipairs(coupon and coupon[COUPON.uses] or {}) do
    if use[USE.redemption_id] == redemption_id then
      if not use[USE.reversed_by] and sequence > (use[USE.sequence] or 0) then
        undo(offer, serial, coupon, use, customer_key, reversed_by)
      end
      return
    end
  end
  arrived[name_of(offer, serial, redemption_id)] = pack({ reversed_by, sequence })
end

-- Revokes ------------------------------------------------------------------------------------------
function facts.revoke(offer, watermark, closes, serials)
  offer.watermark = max(offer.watermark, watermark)
  skip_up_to(offer, watermark)
  offer.closed = offer.closed or (closes and not offer.uploaded)
  for _, serial in ipairs(serials) do
    local coupon = coupon_of(offer, serial)
    skip_up_to(offer, serial + 1)
    if coupon then
      coupon[COUPON.revoked] = true
      keep_coupon(offer, serial, coupon)
    end
  end
end

-- Exports and uploads ------------------------------------------------------------------------------
function facts.export(offer, first, count, day, starts, expires)
  give_serials(offer, first, count)
  add_range(offer, { first, count, day, starts, expires })
end

-- A part of an upload that waited for others: codes, customers or stores.
function facts.part(offer, kind, part, parts, generation, first, count, issued, stores)
  local waiting = waiting_for(offer, kind, part, parts, generation > 0 and generation or nil)
  add_part(offer, kind, waiting, { part, first, count, issued, stores or nil })
end

function facts.codes(offer, items, first, stock_first, third_party)
  put_codes(offer, items, first, stock_first, third_party)
end

function facts.codes_in_effect(offer, runs, day, starts, expires, issued, stock)
  offer.upload.upload_codes, offer.new_upload = nil, true
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

-- The highest sequence, the last moments (milliseconds), and how many free codes are gone.
local function progress(offer, sequence, last_issued, last_redeemed, stock)
  local before = call('HMGET', base .. 'offer:' .. offer.offer_id, 'last_issued', 'last_redeemed')
  offer.changed = true
  offer.sequence, offer.taken = max(offer.sequence, sequence), max(offer.taken, stock)
  if last_issued then offer.last_issued = max(last_issued, tonumber(before[1] or '0')) end
  if last_redeemed then offer.last_redeemed = max(last_redeemed, tonumber(before[2] or '0')) end
end

-- Offers as the topic `offers` has them ------------------------------------------------------------
local stamp = tonumber(call('GET', base .. 'stamp') or '0')
local numbers = tonumber(call('GET', base .. 'numbers') or '0')
local stamped, removed = {}, {}

-- One that isn't there, or is there in an older version.
local function offer_as_committed(offer_id, fields)
  local key = base .. 'offer:' .. offer_id
  local version, offer_code = unpack(call('HMGET', key, 'version', 'offer_code'))
  if version then
    for _, name in ipairs(COUNTS) do fields[name] = nil end
    fields.closed = nil
    if not fields.stores then removed[#removed + 1] = key end
    if offer_code ~= fields.offer_code and holder_of('offer_codes', offer_code) == offer_id then
      take('offer_codes', offer_code, false)
    end
  end
  numbers = max(numbers, fields.number)
  stamp = stamp + 1
  fields.stamp = stamp
  stamped[offer_id] = stamp
  for field, value in pairs(fields) do write(key, field, value) end
  take('offer_codes', fields.offer_code, offer_id)
  if fields.lead ~= '' then take_lead(fields.length, fields.lead, offer_id) end
  local claim = fields.claim and unpack_(fields.claim)
  if claim and claim.service == 'outbound' then take('campaigns', claim.holder, offer_id) end
end

for offer_id, fields in pairs(content.offers) do offer_as_committed(offer_id, fields) end
for offer_id, list in pairs(content.issues) do issues(offer_of(offer_id), list) end
for _, fact in ipairs(content.given) do
  facts.given(offer_of(fact[1]), unpack(fact, 2))
end
for offer_id, list in pairs(content.redemptions) do redemptions(offer_of(offer_id), list) end
for _, fact in ipairs(content.others) do
  local offer = offer_of(fact[2])
  offer.changed = true
  facts[fact[1]](offer, unpack(fact, 3))
end
for offer_id, noted in pairs(content.progress) do progress(offer_of(offer_id), unpack(noted)) end

-- From here on it is written. Were it cut short by an error, this would be no state that ever was:
-- of no epoch, all of it is made again. A full server refuses the first write, if that takes memory,
-- and no later one: so it is set, not deleted.
local epoch = call('GET', base .. 'epoch')
call('SET', base .. 'epoch', 0)
issued_to_customers(content.customers)
for generation, list in pairs(content.requests) do remember(generation, list) end
for _, key in ipairs(removed) do call('HDEL', key, 'stores') end
for offer_id, at in pairs(stamped) do call('ZADD', base .. 'catalogue', at, offer_id) end
if next(stamped) then call('MSET', base .. 'stamp', stamp, base .. 'numbers', numbers) end
for name, waits in pairs(arrived) do
  if waits then write(reversals, name, waits) else call('HDEL', reversals, name) end
end
for place, moves in pairs(content.chains) do
  write(base .. 'chain:' .. place, 'applied', moves[2])
end
write_registers()
write_parts()
write_all()
call('SET', base .. 'epoch', epoch or 0)
return { 'OK' }
