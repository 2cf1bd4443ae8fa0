-- Which offer's code is this? Answers for each code key '' or the number of the offer that has it.
-- ARGV[1] code keys, MessagePack.
local answers = {}
for i, key in ipairs(unpack_(ARGV[1])) do
  local found = get(uploaded_table(), key)
  answers[i] = found and text(unpack_(found)[1]) or ''
end
return answers
