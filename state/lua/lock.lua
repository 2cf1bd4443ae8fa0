-- The restorer's lock: a token, and the server on which it was taken. On that server started again
-- it is void, as what was put there before may be lost; and nobody gets it back by keeping it.
local function lock_of(token)
  return token .. '@' .. run_id()
end

local function holds_lock(token)
  return redis.call('GET', KEYS[1] .. 'restorer') == lock_of(token)
end
