-- ARGV: run id, limit (0: none), reserve, early (us), version: as in put_sender.lua. Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
if num(redis.call('HGET', P .. 'p', 'v')) > tonumber(ARGV[5]) then return {'OK'} end
redis.call('HSET', P .. 'p', 'limit', ARGV[2], 'reserve', ARGV[3], 'v', ARGV[5])
look_for_places(early_of(ARGV[4]))
return {'OK'}
