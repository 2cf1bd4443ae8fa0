-- Take the restorer's lock, or keep it. ARGV[1] a token, ARGV[2] seconds, ARGV[3] 'take' or 'keep'.
local key, mine = KEYS[1] .. 'restorer', lock_of(ARGV[1])
local found = redis.call('GET', key)
local is_void = not found or string.sub(found, -40) ~= string.sub(mine, -40)
if found ~= mine and not (is_void and ARGV[3] == 'take') then return { 'FENCED' } end
redis.call('SET', key, mine, 'EX', ARGV[2])
return { 'OK' }
