-- Restore: merge what outcomes changed into a closed ledger, and note how far that is.
-- ARGV[1] the restorer's token, ARGV[2] MessagePack of what `Restorer.take` in state/restore.py
-- gives. Every outcome comes once: `applied` of its partition moves in the same call. The table of
-- customers has its buckets already (grow.lua), so Python says in which each of its entries lies.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
local content = unpack_(ARGV[2])
for place, moves in pairs(content.chains) do
  local applied = tonumber(call('HGET', base .. 'chain:' .. place, 'applied') or '0')
  if applied ~= moves[1] then return { 'FENCED' } end
end
customers = open_table('customers')
customers.keeps_its_buckets = true

for offer_id, fields in pairs(content.offers) do offer_as_committed(offer_id, fields) end
for offer_id, list in pairs(content.issues) do issues(offer_of(offer_id), list) end
for offer_id, list in pairs(content.ends) do
  for i = 1, #list, 2 do note_end(offer_of(offer_id), list[i], list[i + 1]) end
end
for offer_id, list in pairs(content.tallies) do
  local offer = offer_of(offer_id)
  offer.changed = true
  for i = 1, #list, 4 do
    tally(offer, unpack(list, i, i + 3))
  end
end
for _, fact in ipairs(content.given) do
  facts.given(offer_of(fact[1]), unpack(fact, 2))
end
for offer_id, list in pairs(content.redemptions) do redemptions(offer_of(offer_id), list) end
for _, fact in ipairs(content.others) do
  local offer = offer_of(fact[2])
  offer.changed = true
  facts[fact[1]](offer, unpack(fact, 3))
end
for offer_id, noted in pairs(content.progress) do progress(offer_of(offer_id), unpack(noted)) end

-- From here on it is written. Were it cut short by an error, this would be no state that ever was:
-- of no epoch, all of it is made again. A full server refuses the first write, and no later one.
local epoch = call('GET', base .. 'epoch')
begin_writing()
call('SET', base .. 'epoch', 0)
for offer_id, list in pairs(content.customers) do issued_to_customers(offer_of(offer_id), list) end
call('HSET', base .. 'sizes', 'customers', customers.entries)
collect_coupons()
for generation, list in pairs(content.requests) do
  set_fields(base .. 'requests:' .. generation, list)
  let_expire(base .. 'requests:' .. generation, content.seconds_to_live)
end
for _, key in ipairs(removed) do call('HDEL', key, 'stores') end
for offer_id, at in pairs(stamped) do call('ZADD', base .. 'catalogue', at, offer_id) end
if next(stamped) then call('MSET', base .. 'stamp', stamp, base .. 'numbers', numbers) end
for name, waits in pairs(arrived) do
  if waits then write(reversals, name, waits) else call('HDEL', reversals, name) end
end
for place, moves in pairs(content.chains) do
  write(base .. 'chain:' .. place, 'applied', moves[2])
end
write_registers()
write_parts()
write_all()
call('SET', base .. 'epoch', epoch or 0)
end_writing()
return { 'OK' }
