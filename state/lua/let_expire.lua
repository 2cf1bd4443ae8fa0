-- Let the buckets of a table expire. ARGV[1] the restorer's token, ARGV[2] the table's name, ARGV[3]
-- seconds, ARGV[4] and [5] the first bucket and the one after the last.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
for bucket = tonumber(ARGV[4]), tonumber(ARGV[5]) - 1 do
  call('EXPIRE', base .. ARGV[2] .. ':' .. text(bucket), ARGV[3])
end
return { 'OK' }
