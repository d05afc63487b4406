-- Put before each script of this folder. KEYS[1] is the portfolio's prefix "kabar:{<portfolio>}:";
-- all keys carry that hash tag, so one script is right on Redis Cluster too. Times are microseconds
-- of the server's clock. Nothing here is a right to send, and nothing here is personal data.
--
--   gen               run id of the Redis process that was built from the ledger
--   p                 hash: early, early_at, limit (unique recipients in 24 h, 0 unlimited), pair_block (us): after
--                     a rebuild nobody knows who got a message last, so all wait until then
--   agenda            zset: sender -> when it may have something to send
--   s:<sender>        hash: iv, j, tat, pair_iv, active; of a number that was refused: frac (part of
--                     its throughput), frac_at (the slot from which it recovers), cut_at (slots
--                     before it were handed out before frac), step (us); of its circuit: fails
--                     (consecutive), and once it is open opens, open_until, probe (until when one
--                     is out), probe_for
--   prios:<sender>    zset of the priorities in use
--   ready:<sender>:<priority>  zset: running lanes with ids -> next turn
--   later:<sender>    zset: lane -> earliest time in its delayed set
--   l:<lane>          hash: sender, prio, iv, j, burst, tat, running
--   q:<lane>          list of "<message id> <recipient>"
--   d:<lane>          zset: the same, by the time until which each must wait
--   pair:<sender>     zset: recipient -> when he may get the next message of that number
--   uniq              zset: recipient -> last use outside a window, of the last 24 h
--   win:<sender>      zset: recipient -> end of his 24-hour window
--   refused:<sender>:<recipient>  how often in a row the provider refused the pair
--   wake              list of at most one token, for which an idle worker waits (BLPOP)
local P = KEYS[1]
local DAY = 86400000000

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

-- When the sender may next have something to send, from its lanes; nil: nothing at all.
local function next_of_sender(s, early)
  local first
  for _, prio in ipairs(redis.call('ZRANGE', P .. 'prios:' .. s, 0, -1)) do
    local r = redis.call('ZRANGE', P .. 'ready:' .. s .. ':' .. prio, 0, 0, 'WITHSCORES')
    if r[2] and (not first or tonumber(r[2]) < first) then first = tonumber(r[2]) end
  end
  local d = redis.call('ZRANGE', P .. 'later:' .. s, 0, 0, 'WITHSCORES')
  if d[2] and (not first or tonumber(d[2]) < first) then first = tonumber(d[2]) end
  if not first then return nil end
  return math.max(first, num(redis.call('HGET', P .. 's:' .. s, 'tat')) - early)
end

local function set_agenda(s, early)
  local at
  local c = redis.call('HMGET', P .. 's:' .. s, 'active', 'open_until', 'probe')
  if c[1] == '1' then at = next_of_sender(s, early) end
  if at and c[2] then at = math.max(at, num(c[2]), num(c[3])) end
  if at then
    redis.call('ZADD', P .. 'agenda', int(at), s)
  else
    redis.call('ZREM', P .. 'agenda', s)
  end
  return at
end

-- Puts a running lane that has ids among those that wait for their turn; else takes it out.
local function set_ready(lane, now, early)
  local l = redis.call('HMGET', P .. 'l:' .. lane, 'sender', 'prio', 'tat', 'running')
  if not l[1] then return end
  local key = P .. 'ready:' .. l[1] .. ':' .. l[2]
  if l[4] == '1' and redis.call('LLEN', P .. 'q:' .. lane) > 0 then
    redis.call('ZADD', key, int(math.max(now, num(l[3]) - early)), lane)
    redis.call('ZADD', P .. 'prios:' .. l[1], l[2], l[2])
  else
    redis.call('ZREM', key, lane)
  end
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

-- When the recipient may get a message of this number, looking from t: t itself if now.
-- Spends nothing.
local function wait_of_recipient(s, r, t, portfolio)
  local pair = num(redis.call('ZSCORE', P .. 'pair:' .. s, r))
  if pair > t then return pair end
  local limit = num(portfolio.limit)
  if limit > 0 and num(redis.call('ZSCORE', P .. 'win:' .. s, r)) <= t then
    local used = redis.call('ZSCORE', P .. 'uniq', r)
    if not used or tonumber(used) <= t - DAY then
      redis.call('ZREMRANGEBYSCORE', P .. 'uniq', '-inf', int(t - DAY))
      if redis.call('ZCARD', P .. 'uniq') >= limit then
        local oldest = redis.call('ZRANGE', P .. 'uniq', 0, 0, 'WITHSCORES')
        return tonumber(oldest[2]) + DAY + 1
      end
    end
  end
  return t
end

-- Spends the recipient's limits for a start within [t, t + allowance].
local function spend_recipient(s, r, t, allowance, pair_iv)
  redis.call('ZADD', P .. 'pair:' .. s, int(t + pair_iv), r)
  if num(redis.call('ZSCORE', P .. 'win:' .. s, r)) <= t + allowance then
    redis.call('ZADD', P .. 'uniq', int(t + allowance), r)
  end
end

local function wake()
  redis.call('DEL', P .. 'wake')
  redis.call('RPUSH', P .. 'wake', '1')
end
