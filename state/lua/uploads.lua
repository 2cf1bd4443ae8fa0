-- Uploads of codes, customers and stores, in parts that take effect with the last one.

-- Coupons that these issue were judged by one version of the offer.
for op = 1, last_op, OP.width do
  if ops[op + OP.kind] == 'upload_codes' or ops[op + OP.kind] == 'export' then
    local offer = offer_of(ops[op + OP.offer_id])
    if offer and (offer.number ~= text(ops[op + OP.offer_number])
                  or offer.rules[RULE.version] ~= ops[op + OP.offer_version]) then
      return { 'STALE' }
    end
  end
end

-- Codes -------------------------------------------------------------------------------------------
local function waits(waiting, position)
  for _, part in ipairs(waiting.list) do
    if position >= part[2] and position < part[2] + part[3] then return true end
  end
end

-- Is it a code already: uploaded (and not given up since), or what another offer's look like?
local function is_taken(offer, code, key, waiting)
  local found = get(uploaded_table(), key)
  if found then
    local known = unpack_(found)
    if text(known[1]) ~= offer.number or range_of(offer, known[2]) or waits(waiting, known[2]) then
      return true
    end
  end
  for n = 1, #code do
    local holder = holder_of('leads', #code .. ':' .. string.sub(code, 1, n))
    if not holder then return false end
    if holder ~= '+' and holder ~= 'uploaded' then return true end
  end
  return false
end

local function taken_codes(op, offer)
  local taken_, seen = {}, {}
  local waiting = upload_of(offer).upload_codes
  -- What this part doesn't belong to is given up with it, and so are its codes.
  if not fits(waiting, ops[op + OP.part], ops[op + OP.parts]) then waiting = { list = {} } end
  for _, item in ipairs(ops[op + OP.items]) do
    if seen[item[1]] or is_taken(offer, item[1], item[2], waiting) then
      taken_[#taken_ + 1] = item[1]
    end
    seen[item[1]] = true
  end
  return taken_
end

local function upload_codes(op, offer)
  local taken_ = taken_codes(op, offer)
  if #taken_ > 0 then return decision(op, offer, REASON.code_taken, false, taken_) end
  local waiting = waiting_for(offer, ops[op + OP.kind], ops[op + OP.part], ops[op + OP.parts])
  local more = { first = offer[COUNT.positions], stock_first = offer[COUNT.stock_next],
                 third_party = offer.rules[RULE.third_party] }
  local issued = put_codes(offer, ops[op + OP.items], more.first, more.stock_first, more.third_party)
  local total = add_part(offer, ops[op + OP.kind], waiting,
                         { ops[op + OP.part], more.first, #ops[op + OP.items], issued })
  more.waiting_issued = issued
  if total then
    more.ranges, more.issued_codes, more.stock = {}, 0, offer[COUNT.stock_next]
    more.day, more.starts, more.expires = ops[op + OP.day], ops[op + OP.starts], ops[op + OP.expires]
    table.sort(waiting.list, function(one, other) return one[2] < other[2] end)
    for _, entry in ipairs(waiting.list) do
      more.ranges[#more.ranges + 1] = { entry[2], entry[3] }
      more.issued_codes = more.issued_codes + entry[4]
    end
    put_in_effect(offer, more.ranges, more.day, more.starts, more.expires, more.issued_codes,
                  more.stock)
    if more.issued_codes > 0 then offer[COUNT.last_issued] = now end
  end
  return decision(op, offer, nil, total and true or false, total or 0, more, false)
end

local function set_audience(op, offer)
  local waiting = waiting_for(offer, ops[op + OP.kind], ops[op + OP.part], ops[op + OP.parts])
  local generation = waiting.generation
  additions[#additions + 1] = { audience_key(offer, generation), ops[op + OP.items] }
  local total = add_part(offer, ops[op + OP.kind], waiting,
                         { ops[op + OP.part], 0, #ops[op + OP.items], 0 })
  if total then set_audience_to(offer, generation, total) end
  return decision(op, offer, nil, total and true or false, total or 0,
                  { generation = generation }, false)
end

local function set_stores(op, offer)
  local waiting = waiting_for(offer, ops[op + OP.kind], ops[op + OP.part], ops[op + OP.parts])
  local total = add_part(offer, ops[op + OP.kind], waiting,
                         { ops[op + OP.part], 0, #ops[op + OP.items], 0, ops[op + OP.items] })
  if not total then return decision(op, offer, nil, false, 0, {}, false) end
  local fields, stores = fields_of(ops[op + OP.offer_id]), {}
  table.sort(waiting.list, function(one, other) return one[1] < other[1] end)
  for _, entry in ipairs(waiting.list) do
    for _, store in ipairs(entry[5]) do stores[#stores + 1] = store end
  end
  removed[ops[op + OP.offer_id]] = #stores == 0 or nil
  fields.stores = #stores > 0 and pack(stores) or nil
  new_version(op, fields)
  offer.rules[RULE.version] = fields.version
  new_rules[offer.offer_id] = offer.rules
  return decision(op, offer, nil, true, total, {}, snapshot(fields))
end

local kinds = { upload_codes = upload_codes, set_audience = set_audience, set_stores = set_stores,
                export = export }

local function upload(op)
  local offer = offer_of(ops[op + OP.offer_id])
  if not offer then
    return passing(op, false, REASON.offer_not_found, false)
  end
  local codes = string.match(fields_of(ops[op + OP.offer_id]).codes, '^%w+')
  if (ops[op + OP.kind] == 'upload_codes' and codes ~= 'uploaded')
      or (ops[op + OP.kind] == 'set_audience' and codes == 'randomised') then
    return decision(op, offer, REASON.upload_not_allowed, 'coupons.codes is ' .. codes)
  end
  return kinds[ops[op + OP.kind]](op, offer)
end

return finish(function(op)
  if kinds[ops[op + OP.kind]] then return upload(op) end
  return define(op)
end, function()
  write_changes()
  write_parts()
end)
