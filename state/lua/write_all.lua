-- Writes what every transition may have changed.
local function write_all()
  write_offers()
  write_ends()
  for _, table_ in ipairs(tables) do write_table(table_) end
  write_hashes()
end
