-- Plan: up to when reminders that were due have been asked for, on an open ledger only. ARGV[1] the
-- epoch in which they were looked for, or '': only say which it is. ARGV[2] the second up to which.
-- In a ledger that isn't whole, or was another meanwhile, coupons may have been missing.
local epoch = redis.call('GET', KEYS[1] .. 'epoch')
if not epoch or not is_open() or (ARGV[1] ~= '' and ARGV[1] ~= epoch) then return { 'CLOSED' } end
if ARGV[1] ~= '' then redis.call('SET', KEYS[1] .. 'planned', ARGV[2]) end
return { 'OK', epoch, redis.call('GET', KEYS[1] .. 'planned') or '' }
