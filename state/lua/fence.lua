-- A batch of requests of one partition: who may not decide it, and what of it is decided already.
-- ARGV[1] head, ARGV[2] operations, both MessagePack. All operations are one list, OP.width values of
-- each after a first that is none: `op` is how many stand before one's own, so that
-- ops[op + OP.day] is its day.
local head = unpack_(ARGV[1])
-- As many values at once as Lua's stack has room for: a list that grows by one at a time costs more.
local AT_ONCE = 7500
local header = string.byte(ARGV[2])
local ops = { cmsgpack.unpack_limit(ARGV[2], AT_ONCE, header == 220 and 3 or header == 221 and 5 or 1) }
while ops[1] ~= -1 do               -- where the rest begins
  local rest = { cmsgpack.unpack_limit(ARGV[2], AT_ONCE, ops[1]) }
  ops[1] = rest[1]
  for i = 2, #rest do ops[#ops + 1] = rest[i] end
end
local last_op = #ops - OP.width
assert(last_op % OP.width == 1, 'operations of another layout')
local place = head[HEAD.lane] .. ':' .. head[HEAD.partition]
local chain, kept = base .. 'chain:' .. place, base .. 'decisions:' .. place
local now = head[HEAD.now]

if not is_open() then return { 'CLOSED' } end
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
local answers, stored, undecided, replays = {}, {}, {}, 0
if applied > head[HEAD.from] then
  for _, packed in ipairs(call('HVALS', kept)) do
    local list = unpack_(packed)
    for i = 1, #list, 2 do stored[list[i]] = list[i + 1] end
  end
end
for op = 1, last_op, OP.width do
  local offset = ops[op + OP.offset]
  if offset < applied then
    if not stored[offset] then return behind() end
    answers[#answers + 1] = stored[offset]
    replays = replays + 1
  else
    undecided[#undecided + 1] = op
  end
end
-- The worker judged by rules it read at a stamp; false where it judged by none (offers). So also
-- where all was decided before: an outcome can only be told by one who knows the offer it is of.
if head[HEAD.stamp]
    and tonumber(call('GET', base .. 'stamp') or '0') ~= head[HEAD.stamp] then
  return { 'STALE' }
end
