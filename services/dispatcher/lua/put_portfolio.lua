-- ARGV: run id, limit (0: none), reserve, early (us). If some wait for a place, their numbers are
-- looked at anew: there may be places now. Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
redis.call('HSET', P .. 'p', 'limit', ARGV[2], 'reserve', ARGV[3])
if num(redis.call('HGET', P .. 'p', 'waiting')) > 0 then
  for _, s in ipairs(redis.call('ZRANGE', P .. 'agenda', 0, -1)) do set_agenda(s, early_of(ARGV[4])) end
  wake()
end
return {'OK'}
