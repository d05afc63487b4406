-- ARGV: run id, lane, hold (us), lead (us), early (us), then id, recipient, ... of messages still
-- held whose slot passed. Answers {status, server time, J (us), ahead (as in claim), id, recipient,
-- slot, ...}; who cannot get a slot within the hold is left out (he goes back unsent), and so are all
-- while the number's circuit is open.
-- The pair limit was spent by the claim for a start at the old slot; nothing was written since, so
-- only the new slot counts.
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
for i = 6, #ARGV, 2 do
  local t = math.max(now + lead, s_tat, l_tat - tolerance)
  if t > now + lead + hold then break end
  spend_recipient(s, ARGV[i + 1], t, allowance, num(sh.pair_iv),
    is_outside(s, ARGV[i + 1], t, allowance))
  s_tat = t + sender_interval(sh, t)
  l_tat = math.max(l_tat, t) + num(lh.iv)
  answer[#answer + 1] = ARGV[i]
  answer[#answer + 1] = ARGV[i + 1]
  answer[#answer + 1] = int(t)
end
redis.call('HSET', P .. 's:' .. s, 'tat', int(s_tat), 'spent',
  int(num(sh.spent) + (#answer - 4) / 3))
redis.call('HSET', P .. 'l:' .. lane, 'tat', int(l_tat))
set_ready(lane, now, early)
set_agenda(s, early)
return answer
