-- ARGV: run id, limit (0: none), reserve, early (us). Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
redis.call('HSET', P .. 'p', 'limit', ARGV[2], 'reserve', ARGV[3])
look_for_places(early_of(ARGV[4]))
return {'OK'}
