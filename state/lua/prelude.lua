-- The ledger: what every transition stands on. Python puts the names of fields (OP, COUPON, ...)
-- and of reasons above this file; batch.lua and one transition's file stand below it.
--
-- Keys, all under one hash tag (KEYS[1] is their beginning, written `base` here):
--   open                       string  run_id of the server that restore opened; absent: closed
--   epoch, restorer            string  how often it was opened; the restorer's token
--   readers                    hash    place -> when and how far it has read the org entities
--   chain:<lane>:<partition>   hash    claim, applied: requests below `applied` are decided
--   decisions:<lane>:<part.>   hash    `to` of a batch -> its decisions, until they are committed
--   catalogue                  zset    offer_id by the stamp of its last change
--   stamp, numbers, claims     string  counters: changes of offers, offers, claims of partitions
--   offer:<offer_id>           hash    rules and version, claim, issued, redeemed, sequence, ...
--   leads                      hash    <code's length>:<lead> -> offer_id; '+' where one begins so
--   offer_codes, campaigns     hash    offer code -> offer_id, outbound campaign -> offer_id
--   coupons:<number>:<n>       hash    64 coupons: serial % 64 -> coupon record
--   customers:<bucket>         hash    customer key -> customer record          (a growing table)
--   requests:<generation>:<bucket> hash  request key -> fingerprint, decision   (a growing table)
--   sizes                      hash    entries of each growing table
--
-- A call decides a whole batch: all reads first, then decisions in Lua tables, then all writes.
-- Lua has no rollback: nothing that can raise stands after the first write.
local call, pack, unpack_ = redis.call, cmsgpack.pack, cmsgpack.unpack
local floor, max, abs = math.floor, math.max, math.abs
local base = KEYS[1]

-- A whole number as text: Lua's own way prints a float first, which costs more than a lookup.
local format = string.format
local function text(number) return format('%d', number) end
local texts = {}            -- of 0 to 63, a coupon's field in its hash
for number = 0, 63 do texts[number] = text(number) end

-- Writes, collected and made last -----------------------------------------------------------------
local hashes = {}           -- key -> {field, value, field, value, ...}
local function write(key, field, value)
  local pairs_ = hashes[key]
  if not pairs_ then pairs_ = {}; hashes[key] = pairs_ end
  pairs_[#pairs_ + 1] = field
  pairs_[#pairs_ + 1] = value
end

local function write_hashes()
  for key, pairs_ in pairs(hashes) do
    for first = 1, #pairs_, 2000 do
      call('HSET', key, unpack(pairs_, first, math.min(first + 1999, #pairs_)))
    end
  end
  hashes = {}
end

-- Growing tables (linear hashing): one bucket more for every LOAD entries, so that buckets stay
-- short enough for Redis to keep them compact. A key begins with 4 bytes of hash.
local LOAD = 32
local tables = {}           -- those opened by this call; write_all() writes what changed

local function buckets_of(entries)
  local count = max(1, math.ceil(entries / LOAD))
  local level = 1
  while level * 2 <= count do level = level * 2 end
  return count, level
end

local function open_table(name, seconds_to_live)
  local entries = tonumber(call('HGET', base .. 'sizes', name) or '0')
  local count, level = buckets_of(entries)
  local table_ = { name = base .. name .. ':', short = name, entries = entries, before = entries,
                   count = count, level = level, seconds_to_live = seconds_to_live,
                   known = {}, buckets = {}, dirty = {} }
  tables[#tables + 1] = table_
  return table_
end

local function bucket_of(table_, key)
  local bucket = table_.buckets[key]
  if bucket then return bucket end
  local hash = struct.unpack('>I4', key)
  bucket = hash % (2 * table_.level)
  if bucket >= table_.count then bucket = hash % table_.level end
  bucket = table_.name .. text(bucket)
  table_.buckets[key] = bucket
  return bucket
end

local function get(table_, key)
  local value = table_.known[key]
  if value ~= nil then return value end
  if table_.entries == 0 then return false end
  value = call('HGET', bucket_of(table_, key), key)
  table_.known[key] = value
  return value
end

-- `key` must have been looked up by get() before.
local function put(table_, key, value)
  if not table_.known[key] then table_.entries = table_.entries + 1 end
  table_.known[key] = value
  table_.dirty[key] = true
end

local function split(table_, new)
  local _, level = buckets_of(new * LOAD)
  local from, to = table_.name .. text(new - level), table_.name .. text(new)
  local entries = call('HGETALL', from)
  local moved, fields = {}, {}
  for i = 1, #entries, 2 do
    if struct.unpack('>I4', entries[i]) % (2 * level) == new then
      moved[#moved + 1] = entries[i]
      moved[#moved + 1] = entries[i + 1]
      fields[#fields + 1] = entries[i]
    end
  end
  for first = 1, #fields, 1000 do
    local last = math.min(first + 999, #fields)
    call('HSET', to, unpack(moved, 2 * first - 1, 2 * last))
    call('HDEL', from, unpack(fields, first, last))
  end
  if table_.seconds_to_live and #fields > 0 then call('EXPIRE', to, table_.seconds_to_live) end
end

local function write_table(table_)
  for key in pairs(table_.dirty) do write(bucket_of(table_, key), key, table_.known[key]) end
  if not next(table_.dirty) then return end
  write_hashes()
  if table_.seconds_to_live and table_.before == 0 then
    call('EXPIRE', table_.name .. '0', table_.seconds_to_live)    -- the others are made by split()
  end
  local grown = buckets_of(table_.entries)
  for new = table_.count, grown - 1 do split(table_, new) end
  call('HSET', base .. 'sizes', table_.short, table_.entries)
end

-- Offers ------------------------------------------------------------------------------------------
local offers = {}           -- offer_id -> table, or false where there is none
local function offer_of(offer_id)
  local offer = offers[offer_id]
  if offer ~= nil then return offer end
  local found = call('HMGET', base .. 'offer:' .. offer_id, 'number', 'version', 'limits', 'claim',
                     'issued', 'redeemed', 'sequence', 'watermark', 'closed')
  if not found[1] then
    offers[offer_id] = false
    return false
  end
  local limits, claim = unpack_(found[3]), found[4] and unpack_(found[4]) or false
  offer = {
    offer_id = offer_id, number = found[1], version = tonumber(found[2]), claim = claim,
    limits = limits, issued = tonumber(found[5]), redeemed = tonumber(found[6]),
    sequence = tonumber(found[7]), watermark = tonumber(found[8]), closed = found[9] == '1',
    issued_before = tonumber(found[5]), coupons = {}, coupon_keys = {},
    ends = limits.with_campaign and claim and claim.ends_at or limits.ends_at or false,
  }
  offer.coupons_expire = not (limits.coupon_with_offer and claim and claim.service == 'loyalty')
  offers[offer_id] = offer
  return offer
end

local function write_offers()
  for offer_id, offer in pairs(offers) do
    if offer and offer.changed then
      local key = base .. 'offer:' .. offer_id
      write(key, 'issued', offer.issued)
      write(key, 'redeemed', offer.redeemed)
      write(key, 'sequence', offer.sequence)
      write(key, 'watermark', offer.watermark)
      write(key, 'closed', offer.closed and '1' or '0')
      if offer.last_issued then write(key, 'last_issued', offer.last_issued) end
      if offer.last_redeemed then write(key, 'last_redeemed', offer.last_redeemed) end
    end
  end
end

-- Coupons -----------------------------------------------------------------------------------------
local dirty_coupons = {}    -- of offer.coupons: those to write
local function coupon_of(offer, serial)
  local place = offer.coupons[serial]
  if place then return place.coupon end
  local bucket = floor(serial / 64)
  local key = offer.coupon_keys[bucket]
  if not key then
    key = base .. 'coupons:' .. offer.number .. ':' .. text(bucket)
    offer.coupon_keys[bucket] = key
  end
  place = { key = key, field = texts[serial % 64], coupon = false }
  offer.coupons[serial] = place
  if serial < offer.issued_before then
    local packed = call('HGET', place.key, place.field)
    place.coupon = packed and unpack_(packed) or false
  end
  return place.coupon
end

-- `serial` must have been looked up by coupon_of() before.
local function keep_coupon(offer, serial, coupon)
  local place = offer.coupons[serial]
  place.coupon = coupon
  if not place.dirty then
    place.dirty = true
    dirty_coupons[#dirty_coupons + 1] = place
  end
end

local function write_coupons()
  for _, place in ipairs(dirty_coupons) do write(place.key, place.field, pack(place.coupon)) end
end

-- How many redemptions of a coupon stand: those no reversal has undone.
local function standing(coupon)
  local count = 0
  for _, use in ipairs(coupon[COUPON.uses]) do
    if not use[USE.reversed_by] then count = count + 1 end
  end
  return count
end

local function revoked(offer, serial, coupon)
  return coupon[COUPON.revoked]
      or (serial < offer.watermark and standing(coupon) == 0)
end

-- The last second in which a coupon is good, false where it doesn't expire.
local function expiry(offer, coupon)
  if not offer.coupons_expire then return false end
  local own, ends = coupon[COUPON.expires], offer.ends
  if own and ends then return math.min(own, ends) end
  return own or ends
end

-- Customers: of one offer ---------------------------------------------------------------------------
local customers             -- growing table, opened by the transitions that need it
local records = {}          -- customer key -> record
local function customer_of(key)
  local record = records[key]
  if not record then
    local packed = get(customers, key)
    record = packed and unpack_(packed) or { {}, {} }
    records[key] = record
  end
  return record
end

local function keep_customer(key, record) put(customers, key, pack(record)) end

local function issues_of(record) return #record[CUSTOMER.issued] / 2 end

local function redemptions_of(record)
  local days, count = record[CUSTOMER.redeemed], 0
  for i = 2, #days, 2 do count = count + days[i] end
  return count
end

-- Is any day of {x, day, x, day} (first = 2) or {day, x, day, x} (first = 1) nearer than the gap?
local function too_near(days, first, day, gap_days)
  for i = first, #days, 2 do
    if abs(days[i] - day) < gap_days then return true end
  end
  return false
end

-- `change` redemptions more (1) or less (-1) on a day.
local function count_day(record, day, change)
  local days = record[CUSTOMER.redeemed]
  for i = 1, #days, 2 do
    if days[i] == day then
      days[i + 1] = days[i + 1] + change
      if days[i + 1] == 0 then
        table.remove(days, i)
        table.remove(days, i)
      end
      return
    end
  end
  days[#days + 1] = day
  days[#days + 1] = change
end

local function write_all()
  write_coupons()
  write_offers()
  for _, table_ in ipairs(tables) do write_table(table_) end
  write_hashes()
end
