-- ARGV: run id, sender, recipient, end of his window (us), early (us). Until then messages of this
-- number to him need no place of the portfolio's. Answers {status}.
-- Also in a Redis that is not built yet: the window is open, whoever reads the ledger when.
redis.call('ZADD', P .. 'win:' .. ARGV[2], 'GT', ARGV[4], ARGV[3])
if built(ARGV[1]) and num(redis.call('HGET', P .. 'p', 'waiting')) > 0 then
  release(ARGV[3], clock(), early_of(ARGV[5]))
  wake()
end
return {'OK'}
