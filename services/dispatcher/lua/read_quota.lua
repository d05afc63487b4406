-- ARGV: run id, step (us), steps, then lanes. Reads only. Answers {status, server time, for each step
-- from now on how many recipients leave the 24 h in it (the last one: in it or later), for each lane
-- how many ids it holds}.
if not built(ARGV[1]) then return {'REBUILD'} end
local now, step, steps = clock(), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = {'OK', int(now)}
for i = 1, steps do
  local from = now - DAY + (i - 1) * step
  answer[#answer + 1] = redis.call('ZCOUNT', P .. 'uniq', '(' .. int(from),
    i == steps and '+inf' or int(from + step))
end
for i = 4, #ARGV do
  answer[#answer + 1] = redis.call('LLEN', P .. 'q:' .. ARGV[i]) +
    redis.call('ZCARD', P .. 'd:' .. ARGV[i]) + redis.call('LLEN', P .. 'w:' .. ARGV[i])
end
return answer
