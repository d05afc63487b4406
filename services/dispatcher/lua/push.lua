-- ARGV: run id, lane, early (us), mode (1: the list becomes just these, 2: those that stand in it
-- keep their place), then "<id> <recipient>", wait (us from now, 0: none), ...  Wakes the workers.
-- Answers {status}.
local run_id, lane, early = ARGV[1], ARGV[2], early_of(ARGV[3])
if not built(run_id) then return {'REBUILD'} end
local now = clock()
local s = redis.call('HGET', P .. 'l:' .. lane, 'sender')
if not s then return {'NO_LANE'} end
if ARGV[4] == '1' then
  redis.call('DEL', P .. 'q:' .. lane, P .. 'd:' .. lane)
  forget_waiting(lane)
end
local there = {}
if ARGV[4] == '2' then
  for _, list in ipairs({'q:', 'w:'}) do
    for _, item in ipairs(redis.call('LRANGE', P .. list .. lane, 0, -1)) do there[item] = true end
  end
end
local ready = {}
for i = 5, #ARGV, 2 do
  local item, wait = ARGV[i], tonumber(ARGV[i + 1])
  if wait > 0 then
    redis.call('ZADD', P .. 'd:' .. lane, int(now + wait), item)
  elseif not there[item] and not (ARGV[4] == '2' and redis.call('ZSCORE', P .. 'd:' .. lane, item)) then
    ready[#ready + 1] = item
  end
end
if #ready > 0 then redis.call('RPUSH', P .. 'q:' .. lane, unpack(ready)) end
set_later(lane, s)
-- A lane that waits for its turn already keeps it.
local prio = redis.call('HGET', P .. 'l:' .. lane, 'prio')
if not redis.call('ZSCORE', P .. 'ready:' .. s .. ':' .. prio, lane) or ARGV[4] == '1' then
  set_ready(lane, now, early)
end
set_agenda(s, early)
wake()
return {'OK'}
