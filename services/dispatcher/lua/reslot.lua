-- ARGV: run id, lane, hold (us), lead (us), early (us), then id, recipient, slot, whether it took a
-- place (1/0), ... of messages still held whose slot passed. Answers {status, server time, J (us), ahead
-- (as in claim), id, recipient, slot, whether it took a place, ...}, as many as get a slot within the
-- hold, in their order (the others go back unsent); none while the number's circuit is open.
-- The pair limit was spent by the claim for a start at the old slot; nothing was written since, so
-- only the new slot counts. So with the place in the 24 hours: it is still this claim's to give back.
local run_id, lane = ARGV[1], ARGV[2]
local hold, lead, early = tonumber(ARGV[3]), tonumber(ARGV[4]), early_of(ARGV[5])
if not built(run_id) then return {'REBUILD'} end
local now = clock()
local lh = hash(P .. 'l:' .. lane)
local answer = {'OK', int(now), '0', '0'}
if not lh.sender then return answer end
local s = lh.sender
local sh = hash(P .. 's:' .. s)
local allowance = allowance_of(sh, lh)
answer[3] = int(allowance)
local s_tat, l_tat = num(sh.tat), num(lh.tat)
if sh.open_until then return answer end
local ahead = math.min(lead, math.max(0, now + lead - s_tat))
if num(lh.iv) > 0 then ahead = math.min(ahead, math.max(0, now + lead - l_tat)) end
answer[4] = int(ahead)
local tolerance = (math.max(1, num(lh.burst)) - 1) * num(lh.iv)
for i = 6, #ARGV, 4 do
  local r, slot, t = ARGV[i + 1], tonumber(ARGV[i + 2]), math.max(now + lead, s_tat, l_tat - tolerance)
  if t > now + lead + hold then break end
  -- Only while the pair stands as this claim left it. Otherwise somebody else counts on it: he is
  -- known under another id (join_recipients.lua), the pair was refused, or it came free and a later
  -- claim has it.
  local pair, own_pair = num(redis.call('ZSCORE', P .. 'pair:' .. s, r)), slot + num(sh.pair_iv)
  if pair ~= own_pair and math.max(pair, own_pair) > now then break end
  local own = ARGV[i + 3] == '1' and num(redis.call('ZSCORE', P .. 'first', r)) == slot
  spend_recipient(s, r, t, allowance, num(sh.pair_iv), is_outside(s, r, t, allowance))
  if own then redis.call('ZADD', P .. 'first', int(t), r) end
  s_tat = t + sender_interval(sh, t)
  l_tat = math.max(l_tat, t) + num(lh.iv)
  answer[#answer + 1] = ARGV[i]
  answer[#answer + 1] = r
  answer[#answer + 1] = int(t)
  answer[#answer + 1] = own and '1' or '0'
end
redis.call('HSET', P .. 's:' .. s, 'tat', int(s_tat), 'spent',
  int(num(sh.spent) + (#answer - 4) / 4))
redis.call('HSET', P .. 'l:' .. lane, 'tat', int(l_tat))
set_ready(lane, now, early)
set_agenda(s, early)
return answer
