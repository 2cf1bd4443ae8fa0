-- Which server this is, and whether restore opened the ledger on it.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function is_open()
  return redis.call('GET', KEYS[1] .. 'open') == run_id()
end
