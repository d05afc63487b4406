-- ARGV: run id, sender, recipient. The provider refused the pair as too often: the recipient waits
-- 4^n s on this number, at most an hour, n the refusals in a row. A refusal is in a row with the one
-- before if it comes before the wait has passed twice: the next try comes when it has passed once.
-- Answers {status, wait (us)}.
if not built(ARGV[1]) then return {'REBUILD'} end
local key = P .. 'refused:' .. ARGV[2] .. ':' .. ARGV[3]
local n = redis.call('INCR', key)
local seconds = math.min(3600, 4 ^ math.min(n, 10))
redis.call('EXPIRE', key, int(2 * seconds))
redis.call('ZADD', P .. 'pair:' .. ARGV[2], 'GT', int(clock() + seconds * 1000000), ARGV[3])
return {'OK', int(seconds * 1000000)}
