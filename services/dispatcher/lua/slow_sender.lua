-- ARGV: run id, sender, fraction of its throughput, for how long (us). Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
local key = P .. 's:' .. ARGV[2]
local iv = num(redis.call('HGET', key, 'iv'))
redis.call('HSET', key, 'slow_iv', int(iv / tonumber(ARGV[3])), 'slow_until', int(clock() + ARGV[4]))
return {'OK'}
