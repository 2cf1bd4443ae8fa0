-- Open: the ledger is whole, workers may decide on it. Only the restorer that holds the lock can.
-- ARGV[1] its token, ARGV[2] MessagePack {epoch, floor, numbers, chains: place -> applied}. Claims
-- and stamps of this epoch are above the floor: none of an earlier one is ever taken for them.
if call('GET', base .. 'restorer') ~= ARGV[1] then return { 'FENCED' } end
local content = unpack_(ARGV[2])
call('SET', base .. 'claims', content.floor)
call('SET', base .. 'stamp', content.floor)
call('SET', base .. 'numbers', max(tonumber(call('GET', base .. 'numbers') or '0'), content.numbers))
call('SET', base .. 'epoch', content.epoch)
for place, applied in pairs(content.chains) do
  call('HSET', base .. 'chain:' .. place, 'applied', applied)
end
call('SET', base .. 'open', string.match(call('INFO', 'server'), 'run_id:(%x+)'))
return { 'OK' }
