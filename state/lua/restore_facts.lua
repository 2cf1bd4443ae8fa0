-- What a restore puts back of revokes, exports and uploads: more `facts`.

-- Revokes ------------------------------------------------------------------------------------------
function facts.revoke(offer, watermark, closes, serials)
  offer[COUNT.watermark] = max(offer[COUNT.watermark], watermark)
  skip_up_to(offer, watermark)
  offer[COUNT.closed] = offer[COUNT.closed] or (closes and not offer.uploaded)
  for _, serial in ipairs(serials) do
    local coupon = coupon_of(offer, serial)
    skip_up_to(offer, serial + 1)
    if coupon then
      coupon[COUPON.revoked] = true
      keep_coupon(offer, serial, coupon)
    end
  end
end

-- Exports and uploads ------------------------------------------------------------------------------
function facts.export(offer, first, count, day, starts, expires)
  give_serials(offer, first, count)
  add_range(offer, { first, count, day, starts, expires })
end

-- A part of an upload that waited for others: codes, customers or stores.
function facts.part(offer, kind, part, parts, generation, first, count, issued, stores)
  local waiting = waiting_for(offer, kind, part, parts, generation > 0 and generation or nil)
  add_part(offer, kind, waiting, { part, first, count, issued, stores or nil })
end

function facts.codes(offer, items, first, stock_first, third_party)
  put_codes(offer, items, first, stock_first, third_party)
end

function facts.codes_in_effect(offer, runs, day, starts, expires, issued, stock)
  upload_of(offer).upload_codes, offer.new_upload = nil, true
  put_in_effect(offer, runs, day, starts, expires, issued, stock)
end

function facts.audience(offer, generation, customers_)
  additions[#additions + 1] = { audience_key(offer, generation), customers_ }
  offer[COUNT.audiences] = max(offer[COUNT.audiences], generation)
end

function facts.audience_in_effect(offer, generation, total)
  local waiting = upload_of(offer).set_audience
  if waiting and waiting.generation ~= generation then
    unlinked[#unlinked + 1] = audience_key(offer, waiting.generation)
  end
  upload_of(offer).set_audience, offer.new_upload = nil, true
  if generation > abs(offer[COUNT.audience]) then set_audience_to(offer, generation, total)
  elseif generation < abs(offer[COUNT.audience]) then
    unlinked[#unlinked + 1] = audience_key(offer, generation)
  end
end

function facts.stores_in_effect(offer)
  upload_of(offer).set_stores, offer.new_upload = nil, true
end
