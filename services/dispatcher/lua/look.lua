-- ARGV: run id, sender, horizon (us), then at most 200 lanes of that sender. Changes nothing.
-- Answers {status, slots, spent, left, left to campaigns, waiting, free, first, late}: the requests
-- that the number may start within the horizon, the slots it was ever given, the places that the
-- portfolio's 24 hours still have (-1: any number), the ids that the lanes hold, and of these what
-- the lanes alone would let go within the horizon: without a place, and with one, of the lanes before
-- the campaigns and of campaigns.
if not built(ARGV[1]) then return {'REBUILD'} end
local s, horizon = ARGV[2], tonumber(ARGV[3])
local now = clock()
local portfolio, sh = hash(P .. 'p'), hash(P .. 's:' .. s)

-- Of a limit whose next free moment is tat: how many starts until the horizon.
local function starts(tat, iv, tolerance)
  if iv <= 0 then return math.huge end
  return math.max(0, math.floor((now + horizon + tolerance - math.max(tat, now)) / iv) + 1)
end

local slots = starts(num(sh.tat), sender_interval(sh, now), 0)
if sh.active ~= '1' or num(portfolio.pair_block) > now + horizon then slots = 0 end
if sh.open_until then
  slots = math.max(num(sh.open_until), num(sh.probe)) > now and 0 or math.min(slots, 1)
end
local limit, reserve, left = num(portfolio.limit), num(portfolio.reserve), {first = -1, late = -1}
if limit > 0 then
  local used = redis.call('ZCOUNT', P .. 'uniq', int(now - DAY), '+inf')
  for _, class in ipairs({'first', 'late'}) do
    left[class] = math.max(0, limit_of(limit, reserve, class) - used)
  end
end

local waiting, free, placed = 0, 0, {first = 0, late = 0}
for i = 4, #ARGV do
  local lane = ARGV[i]
  local lh = hash(P .. 'l:' .. lane)
  local queued = redis.call('LLEN', P .. 'q:' .. lane)
  local without_place = redis.call('LLEN', P .. 'w:' .. lane)
  waiting = waiting + queued + without_place + redis.call('ZCARD', P .. 'd:' .. lane)
  if lh.running == '1' and slots > 0 then
    local due = redis.call('ZCOUNT', P .. 'd:' .. lane, '-inf', int(now + horizon))
    local tolerance = (math.max(1, num(lh.burst)) - 1) * num(lh.iv)
    local most = math.min(starts(num(lh.tat), num(lh.iv), tolerance), slots)
    local able, class = math.min(queued + due, most), class_of(lh.prio)
    if limit == 0 then
      free = free + able
    elseif able <= left[class] then
      placed[class] = placed[class] + math.min(able + without_place, most)
    else
      -- There are (nearly) no places: who of the first ones has one already, or wrote?
      for _, item in ipairs(redis.call('LRANGE', P .. 'q:' .. lane, 0, math.min(able, 100) - 1)) do
        local r = string.match(item, ' (%d+)$')
        if num(redis.call('ZSCORE', P .. 'uniq', r)) > now - DAY or not is_outside(s, r, now, 0) then
          free = free + 1
        else
          placed[class] = placed[class] + 1
        end
      end
    end
  end
end
return {'OK', int(math.min(slots, 1e9)), int(num(sh.spent)), int(left.first), int(left.late),
  int(waiting), int(free), int(placed.first), int(placed.late)}
