-- Wipe: take keys away; at the end say which epoch's ledger begins anew, with nothing decided.
-- ARGV[1] the restorer's token. Then ARGV[2] '' and the keys; or the epoch, the layout, and `chain:`
-- of each partition: one that is missing later was lost.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
if ARGV[2] == '' then
  redis.call('UNLINK', unpack(ARGV, 3))
else
  redis.call('SET', KEYS[1] .. 'layout', ARGV[3])
  for i = 4, #ARGV do redis.call('HSET', ARGV[i], 'applied', 0) end
  -- No part of a call is in what begins here.
  local calls = KEYS[1] .. 'calls'
  local begun = redis.call('HGET', calls, 'begun')
  if begun then redis.call('HSET', calls, 'ended', begun) end
  redis.call('SET', KEYS[1] .. 'epoch', ARGV[2])
end
return { 'OK' }
