-- Pieces of a batch, each of another partition: who may not decide them, and what of them is decided
-- already. All of them are decided, or none is.
-- ARGV[1]: of each its head and, last, how many operations it has; ARGV[2]: the operations, those of
-- one piece after the other's. Both are MessagePack. All operations are one list, OP.width values of
-- each after a first that is none: `op` is how many stand before one's own, so that
-- ops[op + OP.day] is its day.
-- ARGV[3] is '1' where the call was sent before another, which it stands on, was answered.
local heads = unpack_(ARGV[1])
local head = heads[1]               -- lane, clock, memory and stamp are the same in all
-- As many values at once as Lua's stack has room for: a list that grows by one at a time costs more.
local AT_ONCE = 7500
local header = string.byte(ARGV[2])
local ops = { cmsgpack.unpack_limit(ARGV[2], AT_ONCE, header == 220 and 3 or header == 221 and 5 or 1) }
while ops[1] ~= -1 do               -- where the rest begins
  local rest, before = { cmsgpack.unpack_limit(ARGV[2], AT_ONCE, ops[1]) }, #ops - 1
  ops[1] = rest[1]
  for i = 2, #rest do ops[before + i] = rest[i] end
end
local last_op = #ops - OP.width
assert(last_op % OP.width == 1, 'operations of another layout')
local now = head[HEAD.now]

if not is_open() then return { 'CLOSED' } end

-- An open server lost writes: nobody decides on it any more. What is left of them is no state that
-- ever was, as after a restart on a shorter log: without its epoch, restore makes all of it again.
local function behind(what)
  call('DEL', base .. 'open', base .. 'epoch')
  return { 'BEHIND', tostring(what) }
end

-- Those decided before (a crash or an abort after this script), which come first, get the same
-- answers again; `first` is the first of the others then. false: one of these is lost.
local function told_again(piece)
  if piece.applied <= piece.head[HEAD.from] then return true end
  local stored = {}
  for _, packed in ipairs(call('HVALS', piece.kept)) do
    local list = unpack_(packed)
    for i = 1, #list, 2 do stored[list[i]] = list[i + 1] end
  end
  while piece.first < piece.after and ops[piece.first + OP.offset] < piece.applied do
    local answer = stored[ops[piece.first + OP.offset]]
    if not answer then return false end
    piece.answers[#piece.answers + 1] = answer
    piece.first = piece.first + OP.width
  end
  piece.answers[1] = text(#piece.answers - 1)
  return true
end

local pieces, next_op = {}, 1
for i, head in ipairs(heads) do
  local place = head[HEAD.lane] .. ':' .. head[HEAD.partition]
  -- Of its operations, those from `first` up to before `after` are to be decided. `answers` begins
  -- with how many were before.
  local piece = { head = head, chain = base .. 'chain:' .. place,
                  kept = base .. 'decisions:' .. place, answers = { '0' },
                  first = next_op, after = next_op + head[HEAD.width + 1] * OP.width }
  local found = call('HMGET', piece.chain, 'claim', 'applied')
  piece.applied = tonumber(found[2] or '0')
  if head[HEAD.claim] < tonumber(found[1] or '0') then return { 'FENCED' } end
  if piece.applied < head[HEAD.committed] then return behind(piece.applied) end
  -- That other one may just not have been decided. Who asks again doesn't ask ahead.
  if piece.applied < head[HEAD.from] and ARGV[3] == '1' then
    return { 'SKIPPED', 'an earlier piece of the batch was not decided' }
  end
  if piece.applied < head[HEAD.from] or not told_again(piece) then return behind(piece.applied) end
  pieces[i], next_op = piece, piece.after
end
-- The worker judged by rules it read at a stamp; false where it judged by none (offers). So also
-- where all was decided before: an outcome can only be told by one who knows the offer it is of.
if head[HEAD.stamp]
    and tonumber(call('GET', base .. 'stamp') or '0') ~= head[HEAD.stamp] then
  return { 'STALE' }
end
