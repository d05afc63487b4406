-- Put before each script of this folder, after a line with what the scripts have from C++
-- (redis_queue_state.cc): CAMPAIGNS, the priority from which on lanes leave the portfolio's reserve to
-- those before them. KEYS[1] is the portfolio's prefix "kabar:{<portfolio>}:";
-- all keys carry that hash tag, so one script is right on Redis Cluster too. Times are microseconds
-- of the server's clock. Nothing here is a right to send, and nothing here is personal data.
--
--   gen               run id of the Redis process that was built from the ledger
--   p                 hash: early, early_at, limit (unique recipients in 24 h, 0 unlimited), reserve
--                     (of them, for lanes before the campaigns), waiting (ids in all w lists),
--                     v (version of limit and reserve), pair_block (us): after a rebuild nobody
--                     knows who got a message last, so all wait until then
--   agenda            zset: sender -> when it may have something to send
--   s:<sender>        hash: iv, j, tat, pair_iv, active, v (their version), spent (slots ever
--                     given), full (1: look
--                     at the full sets); of a number that was refused: frac (part of its throughput), frac_at (the slot
--                     from which it recovers), cut_at (slots before it were handed out before
--                     frac), step (us); of its circuit: fails (consecutive), and once it is open
--                     opens, open_until, probe (until when one is out), probe_for
--   prios:<sender>    zset of the priorities in use
--   ready:<sender>:<priority>  zset: running lanes with ids -> next turn
--   later:<sender>    zset: lane -> earliest time in its delayed set
--   l:<lane>          hash: sender, prio, iv, j, burst, tat, running
--   q:<lane>          list of "<message id> <recipient>"
--   d:<lane>          zset: the same, by the time until which each must wait
--   w:<lane>          list of the same: new recipients for whom the portfolio has no place
--   who               hash: recipient -> "<message id> <lane>" of his ids in w lists, a line each
--                     (and stale ones, harmless, until nobody waits)
--   full:<sender>:<class>  zset: running lanes that have ids in w alone -> since when
--   pair:<sender>     zset: recipient -> when he may get the next message of that number
--   uniq              zset: recipient -> last use outside a window, of the last 24 h
--   first             zset: recipient -> slot of the claim that took him a place in uniq and is the
--                     only one that has used it: given back, the place is free again. Of the last
--                     half minute, longer than a claim is given back after it
--   win:<sender>      zset: recipient -> end of his 24-hour window
--   refused:<sender>:<recipient>  how often in a row the provider refused the pair
--   wake              list of at most one token, for which an idle worker waits (BLPOP)
local P = KEYS[1]
local DAY = 86400000000
local NEVER = 4000000000000000
local GIVEN_BACK_WITHIN = 30000000

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function int(v) return string.format('%.0f', v) end

local function num(v) return tonumber(v or '0') or 0 end

local function built(run_id) return redis.call('GET', P .. 'gen') == run_id end

-- `early`: how long before its slot the next message may be claimed. More than the lead, so that a
-- worker who wakes a little late wastes nothing of a limit. Workers with a slow ledger ask for more
-- (claim.lua keeps it in p); the others go by that too.
local function early_of(text)
  return math.max(tonumber(text), num(redis.call('HGET', P .. 'p', 'early')))
end

local function class_of(prio) return tonumber(prio) >= CAMPAIGNS and 'late' or 'first' end

-- How many places lanes of the class have to leave free.
local function limit_of(limit, reserve, class)
  return class == 'late' and limit - reserve or limit
end

-- A use counts until `now` is a day past it, though slots lie later: of two numbers' claims the
-- later one may give the earlier slot.
local function forget_uses(now)
  redis.call('ZREMRANGEBYSCORE', P .. 'uniq', '-inf', int(now - DAY))
  redis.call('ZREMRANGEBYSCORE', P .. 'first', '-inf', int(now - GIVEN_BACK_WITHIN))
end

-- How many places for new recipients the class has; nil: any number.
local function places_of(portfolio, class)
  local limit = num(portfolio.limit)
  if limit == 0 then return nil end
  return limit_of(limit, num(portfolio.reserve), class) - redis.call('ZCARD', P .. 'uniq')
end

-- When the class has a place.
local function place_at(class)
  local p = redis.call('HMGET', P .. 'p', 'limit', 'reserve')
  local limit = num(p[1])
  if limit == 0 then return 0 end
  local over = redis.call('ZCARD', P .. 'uniq') - limit_of(limit, num(p[2]), class)
  if over < 0 then return 0 end
  local use = redis.call('ZRANGE', P .. 'uniq', over, over, 'WITHSCORES')
  return use[2] and tonumber(use[2]) + DAY or NEVER
end

-- When the sender may next have something to send, from its lanes; nil: nothing at all.
local function next_of_sender(s, early, tat, full)
  local first
  local function not_after(at)
    if at and (not first or at < first) then first = at end
  end
  for _, prio in ipairs(redis.call('ZRANGE', P .. 'prios:' .. s, 0, -1)) do
    local r = redis.call('ZRANGE', P .. 'ready:' .. s .. ':' .. prio, 0, 0, 'WITHSCORES')
    not_after(tonumber(r[2]))
  end
  not_after(tonumber(redis.call('ZRANGE', P .. 'later:' .. s, 0, 0, 'WITHSCORES')[2]))
  if full then
    for _, class in ipairs({'first', 'late'}) do
      if redis.call('EXISTS', P .. 'full:' .. s .. ':' .. class) == 1 then not_after(place_at(class)) end
    end
  end
  if not first then return nil end
  return math.max(first, tat - early)
end

local function set_agenda(s, early)
  local at
  local h = redis.call('HMGET', P .. 's:' .. s, 'active', 'tat', 'full', 'open_until', 'probe')
  if h[1] == '1' then at = next_of_sender(s, early, num(h[2]), h[3]) end
  if at and h[4] then at = math.max(at, num(h[4]), num(h[5])) end
  if at then
    redis.call('ZADD', P .. 'agenda', int(at), s)
  else
    redis.call('ZREM', P .. 'agenda', s)
  end
  return at
end

-- Puts a lane where it belongs: running with ids that it may look at among those that wait for their
-- turn; with none but those that wait for a place among those, unless there are places; else nowhere.
local function place_lane(lane, s, prio, running, at, now, places)
  local ready, full = P .. 'ready:' .. s .. ':' .. prio, P .. 'full:' .. s .. ':' .. class_of(prio)
  if running and (redis.call('LLEN', P .. 'q:' .. lane) > 0 or
      places and redis.call('EXISTS', P .. 'w:' .. lane) == 1) then
    redis.call('ZADD', ready, int(at), lane)
    redis.call('ZADD', P .. 'prios:' .. s, prio, prio)
    return
  end
  redis.call('ZREM', ready, lane)
  if running and redis.call('EXISTS', P .. 'w:' .. lane) == 1 then
    redis.call('ZADD', full, 'NX', int(now), lane)
    redis.call('HSET', P .. 's:' .. s, 'full', '1')
  else
    redis.call('ZREM', full, lane)
  end
end

local function set_ready(lane, now, early)
  local l = redis.call('HMGET', P .. 'l:' .. lane, 'sender', 'prio', 'tat', 'running')
  if not l[1] then return nil end
  place_lane(lane, l[1], l[2], l[4] == '1', math.max(now, num(l[3]) - early), now)
  return l[1]
end

-- The lane's earliest delayed id tells its sender when to look.
local function set_later(lane, s)
  local d = redis.call('ZRANGE', P .. 'd:' .. lane, 0, 0, 'WITHSCORES')
  if d[2] then
    redis.call('ZADD', P .. 'later:' .. s, d[2], lane)
  else
    redis.call('ZREM', P .. 'later:' .. s, lane)
  end
end

-- The part of its throughput that a number may use for a slot at t: what the last refusal left of
-- it, and a quarter more for each step since then.
local function fraction(h, t)
  if not h.frac then return 1 end
  local steps = math.max(0, math.floor((t - num(h.frac_at)) / num(h.step)))
  return math.min(1, num(h.frac) * 1.25 ^ steps)
end

local function sender_interval(h, t)
  if not h.frac then return num(h.iv) end
  return math.ceil(num(h.iv) / fraction(h, t))
end

-- The provider refused a slot at t as too much. Halves what the number may use; slots that were
-- handed out before the last cut and those of the step after it (the provider still counts what
-- came before) only put off the recovery. So however many answers are on their way, they count once.
local function cut(key, h, t, now, step, floor)
  local cut_at = num(h.cut_at)
  if h.frac and t < cut_at then return false end
  if h.frac and t < cut_at + step then
    redis.call('HSET', key, 'frac_at', int(math.max(t, num(h.frac_at))))
    return false
  end
  local from = int(math.max(now, num(h.tat)))
  redis.call('HSET', key, 'frac', tostring(math.max(floor, fraction(h, t) / 2)), 'frac_at', from,
    'cut_at', from, 'step', int(step))
  return true
end

-- J: how long after its slot a request may start; the shorter of what both intervals allow for.
local function allowance_of(sh, lh)
  if num(lh.iv) > 0 then return math.min(num(sh.j), num(lh.j)) end
  return num(sh.j)
end

local function hash(key)
  local flat, h = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
  return h
end

-- Whether a start within [t, t + allowance] is outside the recipient's window on this number.
local function is_outside(s, r, t, allowance)
  return num(redis.call('ZSCORE', P .. 'win:' .. s, r)) <= t + allowance
end

-- Spends the recipient's limits for a start within [t, t + allowance]. A use never moves back: of
-- two numbers' claims the later one may give the earlier slot.
local function spend_recipient(s, r, t, allowance, pair_iv, outside)
  redis.call('ZADD', P .. 'pair:' .. s, int(t + pair_iv), r)
  if outside then
    redis.call('ZADD', P .. 'uniq', 'GT', int(t + allowance), r)
    redis.call('ZREM', P .. 'first', r)
  end
end

local function left_waiting(n)
  if n > 0 and redis.call('HINCRBY', P .. 'p', 'waiting', -n) <= 0 then
    redis.call('DEL', P .. 'who')
    redis.call('HSET', P .. 'p', 'waiting', '0')
  end
end

local function wait_for_place(lane, id, r)
  redis.call('RPUSH', P .. 'w:' .. lane, id .. ' ' .. r)
  local others = redis.call('HGET', P .. 'who', r)
  redis.call('HSET', P .. 'who', r, (others and others .. '\n' or '') .. id .. ' ' .. lane)
  redis.call('HINCRBY', P .. 'p', 'waiting', '1')
end

local function forget_waiting(lane)
  left_waiting(redis.call('LLEN', P .. 'w:' .. lane))
  redis.call('UNLINK', P .. 'w:' .. lane)
end

-- A message to him takes no new place any more: what waits for one goes to the front of its lane, as
-- his under `as` if that is his id now.
local function release(r, now, early, as)
  local lines = redis.call('HGET', P .. 'who', r)
  if not lines then return end
  redis.call('HDEL', P .. 'who', r)
  for id, lane in string.gmatch(lines, '(%S+) ([^\n]+)') do
    if redis.call('LREM', P .. 'w:' .. lane, 1, id .. ' ' .. r) > 0 then
      redis.call('LPUSH', P .. 'q:' .. lane, id .. ' ' .. (as or r))
      left_waiting(1)
      local s = set_ready(lane, now, early)
      if s then set_agenda(s, early) end
    end
  end
end

local function wake()
  redis.call('DEL', P .. 'wake')
  redis.call('RPUSH', P .. 'wake', '1')
end

-- There may be places now: if some wait for one, their numbers are looked at anew.
local function look_for_places(early)
  if num(redis.call('HGET', P .. 'p', 'waiting')) == 0 then return end
  for _, s in ipairs(redis.call('ZRANGE', P .. 'agenda', 0, -1)) do set_agenda(s, early) end
  wake()
end
