-- Open: the ledger is whole, workers may decide on it. Only the restorer that holds the lock can.
-- ARGV[1] its token, ARGV[2] MessagePack {claims, epoch, numbers, chains: place -> applied}
if call('GET', base .. 'restorer') ~= ARGV[1] then return { 'FENCED' } end
local content = unpack_(ARGV[2])
for _, name in ipairs({ 'claims', 'numbers' }) do
  call('SET', base .. name, max(tonumber(call('GET', base .. name) or '0'), content[name]))
end
call('SET', base .. 'epoch', content.epoch)
for place, applied in pairs(content.chains) do
  call('HSET', base .. 'chain:' .. place, 'applied', applied)
end
call('SET', base .. 'open', string.match(call('INFO', 'server'), 'run_id:(%x+)'))
return { 'OK' }
