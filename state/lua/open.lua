-- Open: the ledger is whole, workers may decide on it. Only the restorer that holds the lock can.
-- ARGV[1] its token, ARGV[2] MessagePack {epoch, layout, floor, chains: place -> committed}.
-- Claims and stamps of this epoch are above the floor: none of an earlier one is ever taken for
-- them. What is decided above what is committed stays so.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
local content = unpack_(ARGV[2])
begin_writing()
call('SET', base .. 'claims', content.floor)
call('SET', base .. 'stamp', content.floor)
call('SET', base .. 'epoch', content.epoch)
call('SET', base .. 'layout', content.layout)
for place, committed in pairs(content.chains) do
  local applied = tonumber(call('HGET', base .. 'chain:' .. place, 'applied') or '0')
  call('HSET', base .. 'chain:' .. place, 'applied', max(applied, committed))
end
call('DEL', base .. 'reversals')
call('SET', base .. 'open', run_id())
end_writing()
return { 'OK' }
