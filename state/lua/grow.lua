-- Grow: give a table its buckets before what comes into them, or after. ARGV[1] the restorer's
-- token, ARGV[2] the table's name, ARGV[3] how many entries to expect, ARGV[4] how many buckets to
-- split at the most. Answers how many buckets it has now, and how many it is to have.
if not holds_lock(ARGV[1]) then return { 'FENCED' } end
local table_ = open_table(ARGV[2])
local due = max(table_.count, buckets_for(max(table_.entries, tonumber(ARGV[3]))))
begin_writing()
grow(table_, table_.entries == 0 and due or math.min(due, table_.count + tonumber(ARGV[4])))
end_writing()
return { 'OK', text(table_.count), text(due) }
