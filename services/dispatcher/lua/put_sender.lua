-- ARGV: run id, sender, interval (us), pair interval (us), active (1/0), early (us), J (us), version.
-- Keeps what the sender has spent. What is older than what it was told already (who tells it was
-- overtaken) changes nothing. Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
local key = P .. 's:' .. ARGV[2]
if num(redis.call('HGET', key, 'v')) > tonumber(ARGV[8]) then return {'OK'} end
redis.call('HSET', key, 'iv', ARGV[3], 'pair_iv', ARGV[4], 'active', ARGV[5], 'j', ARGV[7], 'v', ARGV[8])
set_agenda(ARGV[2], early_of(ARGV[6]))
wake()
return {'OK'}
