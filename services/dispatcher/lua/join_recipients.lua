-- ARGV: run id, early (us), how many senders, their ids, then id given up, id that stays, ... of people
-- who were two recipients until now. What was counted for the one counts for the other. Told twice
-- it changes nothing. Answers {status}.
-- Ids in the lanes' lists keep the given-up id: claimed under it, they are refused by the ledger and
-- come again under the other.
if not built(ARGV[1]) then return {'REBUILD'} end
local now, early, senders = clock(), early_of(ARGV[2]), tonumber(ARGV[3])

-- Whatever was set for later counts: the safe side. A window too: the ledger has the last word on it.
local function move(key, old, new)
  local score = redis.call('ZSCORE', key, old)
  if not score then return false end
  redis.call('ZADD', key, 'GT', score, new)
  redis.call('ZREM', key, old)
  return true
end

for i = 4 + senders, #ARGV, 2 do
  local old, new = ARGV[i], ARGV[i + 1]
  local free = false
  for s = 4, 3 + senders do
    move(P .. 'pair:' .. ARGV[s], old, new)
    free = move(P .. 'win:' .. ARGV[s], old, new) or free
  end
  if move(P .. 'uniq', old, new) then
    -- Two claims count on the place now, or one that would give it back under the old id: it stays.
    redis.call('ZREM', P .. 'first', old, new)
    free = true
  end
  release(old, now, early, new)
  if free then release(new, now, early) end
end
look_for_places(early)
wake()
return {'OK'}
