-- Coupons with an end of their own, by that and by runs of serials: there, and in the ranges that end
-- so, reminders look for them. A run whose coupons are all gone stays.
local ends = {}             -- key, run of each to write
local function note_end(offer, serial, expires)
  if not expires then return end
  local run = floor(serial / RUN.coupons)
  if offer.noted_end == expires and offer.noted_run == run then return end
  offer.noted_end, offer.noted_run = expires, run
  ends[#ends + 1] = base .. 'ends:' .. offer.number .. ':' .. text(expires)
  ends[#ends + 1] = run
end

local function write_ends()
  for i = 1, #ends, 2 do call('SADD', ends[i], ends[i + 1]) end
end
