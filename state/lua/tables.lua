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

-- changed: key -> value that this call gave it; added: how many of those are new; missing: keys that
-- were looked up and aren't there.
local function open_table(name)
  local entries = tonumber(call('HGET', base .. 'sizes', name) or '0')
  local count = tonumber(call('HGET', base .. 'buckets', name) or buckets_for(entries))
  local table_ = { name = base .. name .. ':', short = name, entries = entries, count = count,
                   level = level_of(count), buckets = {}, changed = {}, missing = {}, added = 0 }
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

-- What is there, or what this call put there; false for nothing.
local function get(table_, key)
  local value = table_.changed[key]
  if value then return value end
  value = table_.entries > 0 and call('HGET', bucket_of(table_, key), key)
  if not value then table_.missing[key] = true end
  return value
end

-- `key` must have been looked up by get() before.
local function put(table_, key, value)
  if table_.missing[key] then
    table_.missing[key] = nil
    table_.added = table_.added + 1
  end
  table_.changed[key] = value
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
  set_fields(to, moved)
  for first = 1, #fields, MOST do
    call('HDEL', from, unpack(fields, first, math.min(first + MOST - 1, #fields)))
  end
end

-- It grows before it is written to: what is new needn't be moved.
local function grow(table_, count)
  if table_.entries > 0 then
    for new = table_.count, count - 1 do split(table_, new) end
  end
  table_.count, table_.level, table_.buckets = count, level_of(count), {}
  call('HSET', base .. 'buckets', table_.short, count)
end

local function write_table(table_)
  if not next(table_.changed) then return end
  if table_.added > 0 then
    local entries = table_.entries + table_.added
    local due = buckets_for(entries)
    if due > table_.count and not table_.keeps_its_buckets then grow(table_, due) end
    call('HSET', base .. 'sizes', table_.short, entries)
  end
  for key, value in pairs(table_.changed) do
    call('HSET', bucket_of(table_, key), key, value)
  end
end
