-- ARGV: run id, sender, early (us), then recipient, slot, whether it took a place (1/0), ... of claimed
-- messages of which certainly no byte was written. Answers {status}.
-- Gives back what the claim charged to the pair, and only that charge: was the pair charged again
-- since, a later claim counts. The pair is free from the slot on and not before, since that is how
-- far the claim found it free.
-- The place that it took in the portfolio's 24 hours too, unless another claim, of whatever number,
-- has counted on it since: that one may send.
-- Not given back: the slot itself, of the sender's and the lane's rate. It has passed, and the slots
-- after it are in other hands: to move the rate back would let two of them fall into one interval.
-- It leaves the limit unused, never overrun.
local sender, freed = ARGV[2], false
if not built(ARGV[1]) then return {'REBUILD'} end
local key = P .. 'pair:' .. sender
local pair_iv = num(redis.call('HGET', P .. 's:' .. sender, 'pair_iv'))
for i = 4, #ARGV, 3 do
  local r, slot = ARGV[i], tonumber(ARGV[i + 1])
  if num(redis.call('ZSCORE', key, r)) == slot + pair_iv then
    redis.call('ZADD', key, int(slot), r)
  end
  if ARGV[i + 2] == '1' and num(redis.call('ZSCORE', P .. 'first', r)) == slot then
    redis.call('ZREM', P .. 'first', r)
    redis.call('ZREM', P .. 'uniq', r)
    freed = true
  end
end
if freed then look_for_places(early_of(ARGV[3])) end
return {'OK'}
