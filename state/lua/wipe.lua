-- Wipe: take keys away, and say at the end which epoch's ledger begins anew with nothing.
-- ARGV[1] the restorer's token, ARGV[2] an epoch or '', then the keys.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
if #ARGV > 2 then redis.call('UNLINK', unpack(ARGV, 3)) end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1] .. 'epoch', ARGV[2]) end
return { 'OK' }
