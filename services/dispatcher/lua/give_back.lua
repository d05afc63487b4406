-- ARGV: run id, sender, then recipient, slot, ... of claimed messages of which certainly no byte was
-- written. Answers {status}.
-- Gives back what the claim charged to the pair, and only that charge: was the pair charged again
-- since, a later claim counts. The pair is free from the slot on and not before, since that is how
-- far the claim found it free.
-- Not given back: the slot itself, of the sender's and the lane's rate. It has passed, and the slots
-- after it are in other hands: to move the rate back would let two of them fall into one interval.
-- Nor the portfolio's unique recipient: the message is QUEUED again for the same one, and his last
-- use before this claim is not known any more. Both leave a limit unused, never overrun.
local sender = ARGV[2]
if not built(ARGV[1]) then return {'REBUILD'} end
local key = P .. 'pair:' .. sender
local pair_iv = num(redis.call('HGET', P .. 's:' .. sender, 'pair_iv'))
for i = 3, #ARGV, 2 do
  local slot = tonumber(ARGV[i + 1])
  if num(redis.call('ZSCORE', key, ARGV[i])) == slot + pair_iv then
    redis.call('ZADD', key, int(slot), ARGV[i])
  end
end
return {'OK'}
