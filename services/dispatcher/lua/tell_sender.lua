-- What became of requests of a number: its circuit.
-- ARGV: run id, sender, early (us), 1 if one went well, how many failed after that, the last one's
-- slot (us), word of the probe ('', 'well', 'failed', 'unused'), failures that open, first cool-down
-- (us), longest (us), jitter (a factor), how long a probe may be out (us), step (us), smallest
-- fraction.
-- Answers {status, server time, open until (us, 0: closed), consecutive failures, fraction in
-- thousandths}.
--
-- Open: nothing is claimed until the cool-down is over, and then one message, whoever claims it. If
-- it goes well the circuit closes, and the number begins at an eighth of its throughput; if it fails
-- the cool-down is twice as long. What else is still told of requests from before counts no more.
local sender, word = ARGV[2], ARGV[7]
if not built(ARGV[1]) then return {'REBUILD'} end
local key, now = P .. 's:' .. sender, clock()
local h = hash(key)
if not h.iv then return {'OK', int(now), '0', '0', '1000'} end
local step, floor = tonumber(ARGV[13]), tonumber(ARGV[14])

local function open()
  local wait = math.min(tonumber(ARGV[10]), tonumber(ARGV[9]) * 2 ^ num(h.opens) * tonumber(ARGV[11]))
  redis.call('HSET', key, 'opens', int(num(h.opens) + 1), 'open_until', int(now + wait),
    'probe_for', ARGV[12])
  redis.call('HDEL', key, 'probe')
end

if h.open_until then
  if word == 'well' then
    redis.call('HDEL', key, 'fails', 'opens', 'open_until', 'probe', 'probe_for')
    local from = int(math.max(now, num(h.tat)))
    redis.call('HSET', key, 'frac', tostring(math.min(0.125, fraction(h, now))), 'frac_at', from,
      'cut_at', from, 'step', int(step))
  elseif word == 'failed' then
    open()
  elseif word == 'unused' then
    redis.call('HDEL', key, 'probe')
  end
else
  local failed, needed = tonumber(ARGV[5]), tonumber(ARGV[8])
  local fails = (ARGV[4] == '1' and 0 or num(h.fails)) + failed
  redis.call('HSET', key, 'fails', int(fails))
  if fails >= needed then
    open()
  elseif failed > 0 and fails >= math.max(2, needed / 3) then
    -- One error is its message's; several in a row are the number's: it slows down before it stops.
    cut(key, h, tonumber(ARGV[6]), now, step, floor)
  end
end
set_agenda(sender, early_of(ARGV[3]))
if word ~= '' then wake() end
h = hash(key)
return {'OK', int(now), h.open_until or '0', h.fails or '0', int(1000 * fraction(h, now))}
