-- A batch of requests of one partition: fence, replay, decide, remember. See prelude.lua for keys.
-- ARGV[1] head, ARGV[2] operations, both MessagePack; HEAD and OP name their places.
-- Answers {status, ...}: 'OK', how many were decided before, and a decision for each operation, each
-- beginning with '1' where it was remembered from an earlier record of the same request and '0' where
-- it is this record's own.
local head, operations = unpack_(ARGV[1]), unpack_(ARGV[2])
local place = head[HEAD.lane] .. ':' .. head[HEAD.partition]
local chain, kept = base .. 'chain:' .. place, base .. 'decisions:' .. place
local now = head[HEAD.now]

if call('GET', base .. 'open') ~= string.match(call('INFO', 'server'), 'run_id:(%x+)') then
  return { 'CLOSED' }
end
local found = call('HMGET', chain, 'claim', 'applied')
local applied = tonumber(found[2] or '0')
if head[HEAD.claim] < tonumber(found[1] or '0') then return { 'FENCED' } end

-- An open server lost writes: nobody decides on it any more. What is left of them is no state that
-- ever was, as after a restart on a shorter log: without its epoch, restore makes all of it again.
local function behind()
  call('DEL', base .. 'open', base .. 'epoch')
  return { 'BEHIND', tostring(applied) }
end
if applied < head[HEAD.committed] or applied < head[HEAD.from] then return behind() end

-- What was decided before (a crash or an abort after this script): the same answers again.
local answers, stored, undecided, replays = {}, {}, false, 0
if applied > head[HEAD.from] then
  for _, packed in ipairs(call('HVALS', kept)) do
    local list = unpack_(packed)
    for i = 1, #list, 2 do stored[list[i]] = list[i + 1] end
  end
end
for i, op in ipairs(operations) do
  if op[OP.offset] < applied then
    answers[i] = stored[op[OP.offset]]
    if not answers[i] then return behind() end
    replays = replays + 1
  else
    undecided = true
  end
end
-- The worker judged by rules it read at a stamp; false where it judged by none (offers). So also
-- where all was decided before: an outcome can only be told by one who knows the offer it is of.
if head[HEAD.stamp]
    and tonumber(call('GET', base .. 'stamp') or '0') ~= head[HEAD.stamp] then
  return { 'STALE' }
end

-- Requests seen before: remembered for at least HEAD.memory_days, in two generations of them, or
-- in the next one, where the clock of the worker that decided is ahead of this one's.
local generation = floor(now / (head[HEAD.memory_days] * 86400000))
local requests, older, newer
if undecided then
  local seconds_to_live = (2 * head[HEAD.memory_days] + 1) * 86400
  requests = open_table('requests:' .. generation, seconds_to_live)
  older = open_table('requests:' .. (generation - 1))
  newer = open_table('requests:' .. (generation + 1))
  customers = open_table('customers')
end

-- nil: never seen. Otherwise the first decision, or a refusal where the content is another.
local function remembered(op)
  local key = op[OP.request_key]
  local seen = key ~= '' and (get(requests, key) or get(older, key) or get(newer, key))
  if not seen then return nil end
  if string.sub(seen, 1, 8) == op[OP.fingerprint] then return '1' .. string.sub(seen, 9) end
  local offer = offer_of(op[OP.offer_id])
  return '0' .. pack({ REASON.request_id_conflict, false, offer and offer.version or false, now,
                       op[OP.occurred_at] })
end

-- A decision: {reason or false, sequence, offer's version, decided at, occurred at, ...rest}. It is
-- numbered among its offer's and remembered by its request id, unless it changes nothing.
local function decision(op, offer, reason, rest, changes_nothing)
  local sequence = false
  if offer and not changes_nothing then
    offer.sequence = offer.sequence + 1
    offer.changed = true
    sequence = offer.sequence
  end
  local list = { reason or false, sequence, offer and offer.version or false, now,
                 op[OP.occurred_at] }
  if rest then
    for i = 1, #rest do list[DECISION.size + i] = rest[i] end
  end
  local packed = pack(list)
  if op[OP.request_key] ~= '' and not changes_nothing then
    put(requests, op[OP.request_key], op[OP.fingerprint] .. packed)
  end
  return '0' .. packed
end

-- Answers every operation; `write_more` writes what the transition keeps beside the prelude's.
local function finish(decide, write_more)
  if undecided then
    local list = {}
    for i, op in ipairs(operations) do
      if not answers[i] then
        answers[i] = remembered(op) or decide(op)
        list[#list + 1] = op[OP.offset]
        list[#list + 1] = answers[i]
      end
    end
    write(kept, head[HEAD.to], pack(list))
  end
  local dropped = {}
  for _, to in ipairs(call('HKEYS', kept)) do
    if tonumber(to) <= head[HEAD.committed] then dropped[#dropped + 1] = to end
  end
  write(chain, 'claim', head[HEAD.claim])
  write(chain, 'applied', max(applied, head[HEAD.to]))
  if write_more then write_more() end
  write_all()
  if #dropped > 0 then call('HDEL', kept, unpack(dropped)) end
  table.insert(answers, 1, 'OK')
  table.insert(answers, 2, text(replays))
  return answers
end
