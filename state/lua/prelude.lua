-- The ledger: what every transition stands on. Python fills in the places of fields (OP and a
-- name, COUPON and a name) and reasons; coupons.lua, batch.lua and a transition's file stand
-- below it.
--
-- Keys, all under one hash tag (KEYS[1] is their beginning, written `base` here):
--   open                       string  run_id of the server that restore opened; absent: closed
--   epoch, restorer            string  how often it was opened; the restorer's lock
--   readers                    hash    place -> when and how far it has read the org entities
--   chain:<lane>:<partition>   hash    claim, applied: requests below `applied` are decided
--   decisions:<lane>:<part.>   hash    `to` of a batch -> its decisions, until they are committed
--   catalogue                  zset    offer_id by the stamp of its last change
--   stamp, numbers, claims     string  counters: changes of offers, offers, claims of partitions
--   offer:<offer_id>           hash    rules and version, claim, issued, redeemed, sequence, ...
--   leads                      hash    <code's length>:<lead> -> offer_id; '+' where one begins so,
--                                      'uploaded' where an uploaded code does (4 characters of it)
--   offer_codes, campaigns     hash    offer code -> offer_id, outbound campaign -> offer_id
--   coupons:<number>:<n>       hash    64 coupons: serial % 64 -> coupon record
--   customers:<bucket>         hash    customer key -> customer record          (a growing table)
--   uploaded:<bucket>          hash    code key -> offer's number, position     (a growing table)
--   codes:<number>:<n>         hash    64 uploaded codes: position % 64 -> code, customer_id, issued
--   stock:<number>:<n>         hash    64 free ones of them: index % 64 -> position
--   audience:<number>:<gen.>   set     customer_ids that an offer may be issued to
--   requests:<generation>:<bucket> hash  request key -> fingerprint, decision   (a growing table)
--   sizes                      hash    entries of each growing table
--   buckets                    hash    how many buckets it has, where that isn't one for LOAD entries
--   reversals                  hash    while restored: number:serial:redemption_id -> reversed_by,
--                                      sequence of reversals that came before their redemption
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

-- The highest power of two up to the number of buckets.
local function level_of(count)
  local level = 1
  while level * 2 <= count do level = level * 2 end
  return level
end

local function buckets_for(entries) return max(1, math.ceil(entries / LOAD)) end

local function open_table(name, seconds_to_live)
  local entries = tonumber(call('HGET', base .. 'sizes', name) or '0')
  local count = tonumber(call('HGET', base .. 'buckets', name) or buckets_for(entries))
  local table_ = { name = base .. name .. ':', short = name, entries = entries, before = entries,
                   count = count, level = level_of(count), seconds_to_live = seconds_to_live,
                   known = {}, buckets = {}, dirty = {}, changed = {} }
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
  if table_.entries == 0 then return false end
  local value = table_.known[key]
  if value == nil then
    value = call('HGET', bucket_of(table_, key), key)
    table_.known[key] = value
  end
  return value
end

-- `key` must have been looked up by get() before.
local function put(table_, key, value)
  if not table_.known[key] then table_.entries = table_.entries + 1 end
  table_.known[key] = value
  if not table_.dirty[key] then
    table_.dirty[key] = true
    table_.changed[#table_.changed + 1] = key
  end
end

local function split(table_, new)
  local level = level_of(new)
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
end

-- It grows before it is written to: what is new needn't be moved.
local function grow(table_, count)
  if table_.before > 0 then
    for new = table_.count, count - 1 do split(table_, new) end
  end
  table_.count, table_.level, table_.buckets = count, level_of(count), {}
  call('HSET', base .. 'buckets', table_.short, count)
end

-- Buckets from `first` on are new, and those they were split from may have been empty in between.
-- Where a table had more than it needs, any other may be new.
local function let_expire(table_, first, made_ahead)
  if made_ahead then
    for _, key in ipairs(table_.changed) do
      local bucket = bucket_of(table_, key)
      if call('TTL', bucket) < 0 then call('EXPIRE', bucket, table_.seconds_to_live) end
    end
  end
  for new = first, table_.count - 1 do
    call('EXPIRE', table_.name .. text(new), table_.seconds_to_live)
    if new > 0 then
      call('EXPIRE', table_.name .. text(new - level_of(new)), table_.seconds_to_live)
    end
  end
end

local function write_table(table_)
  if #table_.changed == 0 then return end
  local first, due = table_.before > 0 and table_.count or 0, buckets_for(table_.entries)
  local made_ahead = table_.count > buckets_for(table_.before)
  if due > table_.count and not table_.keeps_its_buckets then grow(table_, due) end
  for _, key in ipairs(table_.changed) do
    call('HSET', bucket_of(table_, key), key, table_.known[key])
  end
  if table_.seconds_to_live then let_expire(table_, first, made_ahead) end
  call('HSET', base .. 'sizes', table_.short, table_.entries)
end
