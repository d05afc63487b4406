-- ARGV: run id, lane, sender, priority, interval (us, 0: no rate), burst, running (1/0), early (us),
-- final (1: the lane is over, its ids go), J (us), version of the rate: an older one than it was
-- told already (who tells it was overtaken) changes no rate. Keeps what the lane has spent. Answers
-- {status}.
local run_id, lane, sender, prio = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local early = early_of(ARGV[8])
if not built(run_id) then return {'REBUILD'} end
local now = clock()
local key = P .. 'l:' .. lane
local old = redis.call('HMGET', key, 'sender', 'prio')
if old[1] and (old[1] ~= sender or old[2] ~= prio or ARGV[9] == '1') then
  redis.call('ZREM', P .. 'ready:' .. old[1] .. ':' .. old[2], lane)
  redis.call('ZREM', P .. 'later:' .. old[1], lane)
  redis.call('ZREM', P .. 'full:' .. old[1] .. ':' .. class_of(old[2]), lane)
end
if ARGV[9] == '1' then
  -- What it has spent stays for a day: a retry may open the lane again within its window.
  redis.call('DEL', P .. 'q:' .. lane, P .. 'd:' .. lane)
  forget_waiting(lane)
  redis.call('HSET', key, 'running', '0')
  redis.call('EXPIRE', key, 86400)
else
  redis.call('PERSIST', key)
  redis.call('HSET', key, 'sender', sender, 'prio', prio, 'running', ARGV[7])
  local was = redis.call('HMGET', key, 'v', 'iv', 'tat')
  if num(was[1]) <= tonumber(ARGV[11]) then
    redis.call('HSET', key, 'iv', ARGV[5], 'burst', ARGV[6], 'j', ARGV[10], 'v', ARGV[11])
    -- The next one comes a new interval after the last one.
    local moved = num(ARGV[5]) - num(was[2])
    if moved ~= 0 and was[2] and was[3] then redis.call('HSET', key, 'tat', int(num(was[3]) + moved)) end
  end
  set_later(lane, sender)
  set_ready(lane, now, early)
end
if old[1] and old[1] ~= sender then set_agenda(old[1], early) end
set_agenda(sender, early)
wake()
return {'OK'}
