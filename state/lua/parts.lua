-- Parts of an upload wait until the last one is there. upload_of: kind -> {parts, generation,
-- list}: what waits of it, where `list` has for each part {part, first, count, issued, stores}.
local additions = {}        -- {key of a set, members}
local unlinked = {}         -- keys of sets that nothing refers to any more

local function audience_key(offer, generation)
  return base .. 'audience:' .. offer.number .. ':' .. text(generation)
end

local function fits(waiting, part, parts, generation)
  if not waiting or waiting.parts ~= parts then return false end
  if generation and waiting.generation ~= generation then return false end
  for _, entry in ipairs(waiting.list) do
    if entry[1] == part then return false end
  end
  return true
end

-- What waits of this kind of upload, begun anew where this part doesn't belong to it. `generation`
-- of an audience is given by restore; the next one otherwise.
local function waiting_for(offer, kind, part, parts, generation)
  local waiting = upload_of(offer)[kind]
  offer.new_upload, offer.changed = true, true
  if fits(waiting, part, parts, generation) then return waiting end
  if waiting and waiting.generation > 0 then
    unlinked[#unlinked + 1] = audience_key(offer, waiting.generation)
  end
  waiting = { parts = parts, generation = 0, list = {} }
  if kind == 'set_audience' then
    waiting.generation = generation or offer[COUNT.audiences] + 1
    offer[COUNT.audiences] = max(offer[COUNT.audiences], waiting.generation)
  end
  upload_of(offer)[kind] = waiting
  return waiting
end

-- Adds a part. Returns the items of all parts when it is the last one; then nothing waits any more.
local function add_part(offer, kind, waiting, entry)
  waiting.list[#waiting.list + 1] = entry
  if #waiting.list < waiting.parts then return nil end
  upload_of(offer)[kind] = nil
  local total = 0
  for _, each in ipairs(waiting.list) do total = total + each[3] end
  return total
end

-- Keeps a code at its position, and at its `index` in the stock where it is free: without one, it
-- is issued by its upload.
local function put_code(offer, item, position, index)
  local code, key, customer_id, of_customer = unpack(item)
  get(uploaded_table(), key)
  put(uploaded_table(), key, pack({ tonumber(offer.number), position }))
  local place, field = place_in('codes', offer, position)
  write(place, field, pack({ code, customer_id, not index }))
  mark_lead(code)
  if customer_id ~= '' then
    local record = whole_record(offer, of_customer)
    add_to(record, CUSTOMER.uploaded, position)
    keep_customer(of_customer, record)
  end
  if index then
    local stock, at = place_in('stock', offer, index)
    write(stock, at, position)
  end
end

-- Puts a part's codes where they will be; returns how many of them are issued by their upload:
-- those with a customer, all where a third party delivers them.
local function put_codes(offer, items, first, stock_first, third_party)
  local issued, index = 0, stock_first
  for i, item in ipairs(items) do
    local free = item[3] == '' and not third_party
    put_code(offer, item, first + i - 1, free and index)
    if free then index = index + 1 else issued = issued + 1 end
  end
  offer[COUNT.positions] = max(offer[COUNT.positions], first + #items)
  offer[COUNT.stock_next] = max(offer[COUNT.stock_next], index)
  return issued
end

-- These runs of codes ({first, count} of each) are there from now on.
local function put_in_effect(offer, runs, day, starts, expires, issued, stock)
  for _, run in ipairs(runs) do
    if run[2] > 0 then add_range(offer, { run[1], run[2], day, starts, expires }) end
  end
  offer[COUNT.issued] = offer[COUNT.issued] + issued
  offer[COUNT.stock] = max(offer[COUNT.stock], stock)
end

-- The audience of this generation is the one in effect; below zero: everyone, from then on.
local function set_audience_to(offer, generation, total)
  local before = offer[COUNT.audience]
  if before > 0 then unlinked[#unlinked + 1] = audience_key(offer, before) end
  offer[COUNT.audience] = total > 0 and generation or -generation
end

local function write_parts()
  for _, addition in ipairs(additions) do
    for first = 1, #addition[2], 4000 do
      call('SADD', addition[1], unpack(addition[2], first, math.min(first + 3999, #addition[2])))
    end
  end
  for _, key in ipairs(unlinked) do call('UNLINK', key) end
end
