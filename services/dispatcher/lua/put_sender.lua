-- ARGV: run id, sender, interval (us), pair interval (us), active (1/0), early (us), J (us). Keeps
-- what the sender has spent. Answers {status}.
if not built(ARGV[1]) then return {'REBUILD'} end
redis.call('HSET', P .. 's:' .. ARGV[2], 'iv', ARGV[3], 'pair_iv', ARGV[4], 'active', ARGV[5],
  'j', ARGV[7])
set_agenda(ARGV[2], early_of(ARGV[6]))
wake()
return {'OK'}
