-- ARGV: run id, sender, slot of the request that the provider refused as too much (us), step (us),
-- the smallest fraction. Answers {status, fraction now in thousandths, 1 if this one lowered it}.
if not built(ARGV[1]) then return {'REBUILD'} end
local key, now = P .. 's:' .. ARGV[2], clock()
local h = hash(key)
if not h.iv then return {'OK', '1000', '0'} end
local lowered = cut(key, h, tonumber(ARGV[3]), now, tonumber(ARGV[4]), tonumber(ARGV[5]))
return {'OK', int(1000 * fraction(hash(key), now)), lowered and '1' or '0'}
