-- The ledger: what every transition stands on. Python fills in the places of fields (OP and a
-- name, COUPON and a name) and reasons; coupons.lua, fence.lua, batch.lua and a transition's file stand
-- below it.
--
-- Keys, all under one hash tag (KEYS[1] is their beginning, written `base` here):
--   open                       string  run_id of the server that restore opened; absent: closed
--   epoch, restorer            string  how often it was opened; the restorer's lock
--   layout                     string  which layout these keys have: LAYOUT in state/records.py
--   readers                    hash    place -> when and how far it has read the org entities
--   chain:<lane>:<partition>   hash    claim, applied: requests below `applied` are decided
--   decisions:<lane>:<part.>   hash    `to` of a batch -> its decisions, until they are committed
--   catalogue                  zset    offer_id by the stamp of its last change
--   stamp, numbers, claims     string  counters: changes of offers, offers, claims of partitions
--   offer:<offer_id>           hash    definition, version, claim, ranges, ...
--   rules:<offer_id>           string  record of RULE: what requests are judged by
--   counts:<offer_id>          string  record of COUNT: what they change
--   leads                      hash    <code's length>:<lead> -> offer_id; '+' where one begins so,
--                                      'uploaded' where an uploaded code does (4 characters of it)
--   offer_codes, campaigns     hash    offer code -> offer_id, outbound campaign -> offer_id
--   coupons:<number>:<n>       hash    64 coupons: serial % 64 -> coupon record
--   customers:<bucket>         hash    customer key -> customer record          (a growing table)
--   uploaded:<bucket>          hash    code key -> offer's number, position     (a growing table)
--   codes:<number>:<n>         hash    64 uploaded codes: position % 64 -> code, customer_id, issued
--   stock:<number>:<n>         hash    64 free ones of them: index % 64 -> position
--   audience:<number>:<gen.>   set     customer_ids that an offer may be issued to
--   tallies:<number>           hash    <day>:<kind>:<reason, or accepted> -> how many were decided so
--   planned                    string  the second up to which reminders were asked for
--   ends:<number>:<second>     set     runs of RUN.coupons serials: coupons among them have this end
--                                      (those of an offer's ranges apart)
--   requests:<generation>      hash    request key -> fingerprint, decision
--   calls                      hash    begun, ended: how many calls wrote (see `begin_writing`); stays
--                                      when all else is wiped
--   sizes                      hash    entries of each growing table
--   buckets                    hash    how many buckets it has, where that isn't one for LOAD entries
--   reversals                  hash    while restored: number:serial:redemption_id -> reversed_by,
--                                      sequence of reversals that came before their redemption
--
-- A call decides a whole batch: all reads first, then decisions in Lua tables, then all writes.
-- Lua has no rollback: nothing that can raise stands after the first write. What a call costs is
-- mostly Lua's tables, not Redis: hence flat records, and one table for all operations.
local call, pack, unpack_ = redis.call, cmsgpack.pack, cmsgpack.unpack
local floor, max, abs = math.floor, math.max, math.abs
local base = KEYS[1]

-- A whole number as text: Lua's own way prints a float first, which costs more than a lookup.
local format = string.format
local function text(number) return format('%d', number) end
-- Each made once: of 0 to 63, a coupon's field in its hash.
local texts = setmetatable({}, { __index = function(known, number)
  known[number] = text(number)
  return known[number]
end })

-- A record is its values packed one after the other, with no list around them: reading it makes one
-- table, whatever is in it.
local MOST = 2000           -- values taken or given at once: pack() needs two places for each of 8000
local function values_of(packed)
  if #packed <= MOST then return { unpack_(packed) } end      -- each has a byte at least
  local values, at = {}, 0
  repeat
    local some = { cmsgpack.unpack_limit(packed, MOST, at) }
    at = some[1]
    for i = 2, #some do values[#values + 1] = some[i] end
  until at == -1
  return values
end

-- A list without the bytes that say how many values follow.
local function record_of(values)
  local count = #values
  return string.sub(pack(values), count < 16 and 2 or count < 65536 and 4 or 6)
end

-- Fields and values of a hash, and keys that are strings, in commands of as many as Lua hands over.
local function set_fields(key, pairs_)
  for first = 1, #pairs_, MOST do
    call('HSET', key, unpack(pairs_, first, math.min(first + MOST - 1, #pairs_)))
  end
end

local function set_keys(pairs_)
  for first = 1, #pairs_, MOST do
    call('MSET', unpack(pairs_, first, math.min(first + MOST - 1, #pairs_)))
  end
end

local function all_of(names, read)
  if #names <= MOST then return read(unpack(names)) end
  local values = {}
  for first = 1, #names, MOST do
    local some = read(unpack(names, first, math.min(first + MOST - 1, #names)))
    for i = 1, #some do values[#values + 1] = some[i] end
  end
  return values
end

local function get_fields(key, fields)
  return all_of(fields, function(...) return call('HMGET', key, ...) end)
end

local function get_keys(keys)
  return all_of(keys, function(...) return call('MGET', ...) end)
end

-- Where it isn't to be forgotten already.
local function let_expire(key, seconds)
  if call('TTL', key) < 0 then call('EXPIRE', key, seconds) end
end

-- What a call writes stands between these two. A server that starts on a log torn off in the middle
-- of a call drops that call, but leaves its beginning in the log, or all of it but its end; started
-- another time it makes that part of the next call (Redis 7.0). `begun` counts it then; `ended` is
-- written as it was counted without it, so `begun` is ahead, and the ledger is made anew.
local begun
local function begin_writing() begun = call('HINCRBY', base .. 'calls', 'begun', 1) end
local function end_writing() call('HSET', base .. 'calls', 'ended', text(begun)) end

-- Writes, collected and made last -----------------------------------------------------------------
local hashes = {}           -- key -> {field, value, field, value, ...}
local function write(key, field, value)
  local pairs_ = hashes[key]
  if not pairs_ then hashes[key] = { field, value }; return end     -- many are never longer
  pairs_[#pairs_ + 1] = field
  pairs_[#pairs_ + 1] = value
end

local function write_hashes()
  for key, pairs_ in pairs(hashes) do set_fields(key, pairs_) end
  hashes = {}
end
