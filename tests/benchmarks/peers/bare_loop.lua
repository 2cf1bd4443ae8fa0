-- The five rules for a batch. KEYS[1]: how all keys begin. ARGV: MessagePack of FIELDS values for each
-- request, one after the other; the customer's limit, the gap in seconds, the offer's limit.
-- Answers MessagePack: `<reason>:<the offer's total>` of each, without a reason where it is accepted.
local FIELDS = 8
local call, base = redis.call, KEYS[1]
local asked = cmsgpack.unpack(ARGV[1])
local customer_limit, gap, offer_limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local totals = {}
local function total_of(offer_id)
  totals[offer_id] = totals[offer_id] or tonumber(call('HGET', base .. 'totals', offer_id) or '0')
  return totals[offer_id]
end

-- The reason that refuses, or nothing; what changes is written.
local function decide(code, codes, customer_id, customers, offer_id, second)
  if call('HGET', codes, code) then return 'coupon_redeemed' end
  local count, last = 0, nil
  local found = call('HGET', customers, customer_id)
  if found then count, last = struct.unpack('<I4I4', found) end
  if count >= customer_limit then return 'customer_limit_reached' end
  if last and second - last < gap then return 'gap_not_elapsed' end
  if total_of(offer_id) >= offer_limit then return 'offer_limit_reached' end
  totals[offer_id] = total_of(offer_id) + 1
  call('HSET', codes, code, 1)
  call('HSET', customers, customer_id, struct.pack('<I4I4', count + 1, second))
  return ''
end

local answers = {}
for i = 1, #asked, FIELDS do
  local request_id, requests = asked[i], base .. 'requests:' .. asked[i + 1]
  local answer = call('HGET', requests, request_id)
  if not answer then
    local reason = decide(asked[i + 2], base .. 'codes:' .. asked[i + 3],
                          asked[i + 4], base .. 'customers:' .. asked[i + 5],
                          asked[i + 6], asked[i + 7])
    answer = reason .. ':' .. total_of(asked[i + 6])
    call('HSET', requests, request_id, answer)
  end
  answers[#answers + 1] = answer
end
for offer_id, total in pairs(totals) do call('HSET', base .. 'totals', offer_id, total) end
return cmsgpack.pack(answers)
