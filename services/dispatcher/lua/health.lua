-- ARGV: run id, sender, ... Answers {status, server time, then for each: fraction of its throughput
-- in thousandths, open until (us, 0: closed), consecutive failures}.
if not built(ARGV[1]) then return {'REBUILD'} end
local now = clock()
local answer = {'OK', int(now)}
for i = 2, #ARGV do
  local h = hash(P .. 's:' .. ARGV[i])
  answer[#answer + 1] = int(1000 * fraction(h, now))
  answer[#answer + 1] = h.open_until or '0'
  answer[#answer + 1] = h.fails or '0'
end
return answer
