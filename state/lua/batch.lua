-- The undecided requests of the pieces: decide, remember, write. See prelude.lua for keys.
-- Answers {status, ...}: 'OK', and of each piece a list: how many were decided before, and a decision
-- for each operation. A '1' stands before one that was remembered from an earlier record of the same
-- request.

-- Requests seen before: remembered for at least HEAD.memory_days, in two generations of them, or
-- in the next one, where the clock of the worker that decided is ahead of this one's.
local generation = floor(now / (head[HEAD.memory_days] * 86400000))
local function memory(of_generation) return base .. 'requests:' .. of_generation end

local known, news = {}, {}   -- request key -> fingerprint and decision; those to write, in pairs
local function look_up(keys, of_generation)
  if #keys == 0 or call('EXISTS', memory(of_generation)) == 0 then return keys end
  local values, others, count = get_fields(memory(of_generation), keys), {}, 0
  for i = 1, #keys do
    local key, value = keys[i], values[i]
    if value then known[key] = value else count = count + 1; others[count] = key end
  end
  return others
end

do
  local keys, count, some, ids = {}, 0, false, {}
  for _, piece in ipairs(pieces) do
    some = some or piece.first < piece.after
    for op = piece.first, piece.after - 1, OP.width do
      local key = ops[op + OP.request_key]
      if key ~= '' then
        count = count + 1
        keys[count] = key
      end
      local offer_id = ops[op + OP.offer_id]
      if offers[offer_id] == nil then
        offers[offer_id] = false
        ids[#ids + 1] = offer_id
      end
    end
  end
  look_up(look_up(look_up(keys, generation), generation - 1), generation + 1)
  if some then
    customers = open_table('customers')
    local torn = read_offers(ids)
    if torn then return behind('offer ' .. torn) end
  end
end

local function version_of(offer) return offer and offer.rules[RULE.version] or false end

-- nil: never seen. Otherwise the first decision, or a refusal where the content is another.
local function remembered(op)
  local seen = known[ops[op + OP.request_key]]
  if not seen then return nil end
  if string.sub(seen, 1, 8) == ops[op + OP.fingerprint] then return '1' .. string.sub(seen, 9) end
  local offer = offer_of(ops[op + OP.offer_id])
  return pack({ REASON.request_id_conflict, false, version_of(offer), now,
                ops[op + OP.occurred_at] })
end

local function remember(key, value)
  known[key] = value
  news[#news + 1] = key
  news[#news + 1] = value
end

local function write_memory()
  if #news == 0 then return end
  set_fields(memory(generation), news)
  let_expire(memory(generation), (2 * head[HEAD.memory_days] + 1) * 86400)
end

-- A decision: {reason or false, sequence, offer's version, decided at, occurred at, ...}. It is
-- numbered among its offer's and remembered by its request id.
local function decision(op, offer, reason, ...)
  local sequence = false
  if offer then
    offer[COUNT.sequence] = offer[COUNT.sequence] + 1
    offer.changed = true
    sequence = offer[COUNT.sequence]
    tally(offer, ops[op + OP.day], ops[op + OP.kind], reason or 'accepted', 1)
  end
  local packed = pack({ reason or false, sequence, version_of(offer), now,
                        ops[op + OP.occurred_at], ... })
  local key = ops[op + OP.request_key]
  if key ~= '' then remember(key, ops[op + OP.fingerprint] .. packed) end
  return packed
end

-- One that changes no count, and is not remembered.
local function passing(op, offer, reason, ...)
  return pack({ reason or false, false, version_of(offer), now,
                ops[op + OP.occurred_at], ... })
end

local function decide_piece(piece, decide)
  local answers, list, count = piece.answers, {}, 0
  local before = #answers
  for op = piece.first, piece.after - 1, OP.width do
    local answer = remembered(op) or decide(op)
    answers[before + count + 1] = answer
    list[2 * count + 1], list[2 * count + 2] = ops[op + OP.offset], answer
    count = count + 1
  end
  if count > 0 then write(piece.kept, piece.head[HEAD.to], pack(list)) end
  write(piece.chain, 'claim', piece.head[HEAD.claim])
  write(piece.chain, 'applied', max(piece.applied, piece.head[HEAD.to]))
  return answers
end

-- Which stored decisions are committed: nobody is told these again.
local function committed_of(piece)
  local committed = {}
  for _, to in ipairs(call('HKEYS', piece.kept)) do
    if tonumber(to) <= piece.head[HEAD.committed] then committed[#committed + 1] = to end
  end
  return committed
end

-- Answers every operation; `write_more` writes what the transition keeps beside the prelude's.
local function finish(decide, write_more)
  local told = { 'OK' }
  for _, piece in ipairs(pieces) do
    told[#told + 1] = decide_piece(piece, decide)
    piece.committed = committed_of(piece)
  end
  collect_coupons()
  begin_writing()
  if write_more then write_more() end
  write_memory()
  write_all()
  for _, piece in ipairs(pieces) do
    if #piece.committed > 0 then call('HDEL', piece.kept, unpack(piece.committed)) end
  end
  end_writing()
  return told
end
