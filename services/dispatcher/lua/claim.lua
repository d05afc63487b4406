-- ARGV: run id, max ids, hold (us), lead (us), early (us).
-- Answers {status, server time, next time (0: none known), lane, sender, J, ahead, word, id,
-- recipient, slot, 1 if it took one of the portfolio's places or 2 if it needs none, being inside
-- his window, ...}. Slots lie in [now + lead, now + lead + hold]; each may start from slot -
-- ahead until slot + J (us). The word: 'probe' (the only message of a number whose circuit is open:
-- tell what came of it), 'suspect' (the last ones failed: tell if one goes well), or ''.
--
-- Ahead: how long, at most the lead, both limits have been free before the first slot. The slots
-- after it keep that distance to all that were handed out before, and a claim's own slots span less
-- than any window, so a start so much earlier fills no window; and a message need not wait for a
-- lead that its compare-and-set did not need.
local run_id, max = ARGV[1], tonumber(ARGV[2])
local hold, lead, early = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if not built(run_id) then return {'REBUILD'} end
local now = clock()
local portfolio = hash(P .. 'p')
forget_uses(now)
local blocked = num(portfolio.pair_block)
if blocked > now then return {'OK', int(now), int(blocked), '', '', '0', '0', ''} end
-- Whoever else writes the agenda goes by the longest early of the last seconds.
local stored, stored_at = num(portfolio.early), num(portfolio.early_at)
if early > stored or (early == stored and now > stored_at + 1000000) or now > stored_at + 3000000 then
  redis.call('HSET', P .. 'p', 'early', int(early), 'early_at', int(now))
end
early = math.max(early, stored)

-- Ids whose wait is over go to the front of their lanes.
local function move_due(s)
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', P .. 'later:' .. s, '-inf', int(now), 'LIMIT', 0, 20)) do
    local due = redis.call('ZRANGEBYSCORE', P .. 'd:' .. lane, '-inf', int(now), 'LIMIT', 0, 200)
    for i = #due, 1, -1 do
      redis.call('LPUSH', P .. 'q:' .. lane, due[i])
      redis.call('ZREM', P .. 'd:' .. lane, due[i])
    end
    set_later(lane, s)
    set_ready(lane, now, early)
  end
end

local function best_lane(s)
  for _, prio in ipairs(redis.call('ZRANGE', P .. 'prios:' .. s, 0, -1)) do
    local key = P .. 'ready:' .. s .. ':' .. prio
    local r = redis.call('ZRANGEBYSCORE', key, '-inf', int(now), 'LIMIT', 0, 1)
    if r[1] then return r[1] end
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', P .. 'prios:' .. s, prio) end
  end
  return nil
end

-- Lanes whose ids wait for a place get their turn again, one lane a place.
local function move_full(s)
  local any = false
  for _, class in ipairs({'first', 'late'}) do
    local key = P .. 'full:' .. s .. ':' .. class
    if redis.call('EXISTS', key) == 1 then
      any = true
      local places = places_of(portfolio, class) or 20
      local lanes = places > 0 and redis.call('ZRANGE', key, 0, math.min(places, 20) - 1) or {}
      for _, lane in ipairs(lanes) do
        local l = redis.call('HMGET', P .. 'l:' .. lane, 'prio', 'tat')
        redis.call('ZREM', key, lane)
        redis.call('ZADD', P .. 'ready:' .. s .. ':' .. l[1], int(math.max(now, num(l[2]) - early)), lane)
        redis.call('ZADD', P .. 'prios:' .. s, l[1], l[1])
      end
    end
  end
  if not any then redis.call('HDEL', P .. 's:' .. s, 'full') end
end

-- The next ids that the lane may look at, at most n: those that waited for a place first (one at a
-- time), while there are any.
local function take(lane, places, n)
  local item = num(portfolio.waiting) > 0 and (not places or places > 0) and
    redis.call('LPOP', P .. 'w:' .. lane)
  if item then
    left_waiting(1)
    return {item}
  end
  return redis.call('LPOP', P .. 'q:' .. lane, n) or {}
end

-- The scores of the recipients in a set, and where a spend of this claim is written until it is
-- told to Redis with all others.
local function scores(key, recipients)
  local of = {}
  for i, score in ipairs(redis.call('ZMSCORE', key, unpack(recipients))) do
    if score then of[recipients[i]] = tonumber(score) end
  end
  return of
end

local function claim_from(s, sh, lane, answer)
  local lh = hash(P .. 'l:' .. lane)
  local pair_iv, lane_iv, allowance = num(sh.pair_iv), num(lh.iv), allowance_of(sh, lh)
  answer[6] = int(allowance)
  local s_tat, l_tat = num(sh.tat), num(lh.tat)
  local tolerance = (math.max(1, num(lh.burst)) - 1) * lane_iv
  local ahead = math.min(lead, math.max(0, now + lead - s_tat))
  if lane_iv > 0 then ahead = math.min(ahead, math.max(0, now + lead - l_tat)) end
  local probing = sh.open_until ~= nil
  if probing and math.max(num(sh.open_until), num(sh.probe)) > now then return 0 end
  answer[7] = int(ahead)
  answer[8] = probing and 'probe' or num(sh.fails) > 0 and 'suspect' or ''
  local max = probing and 1 or max
  local places = places_of(portfolio, class_of(lh.prio))
  local some_wait = num(portfolio.waiting) > 0
  local some_first = redis.call('EXISTS', P .. 'first') == 1
  local taken, looked = 0, 0
  local function slot() return math.max(now + lead, s_tat, l_tat - tolerance) end
  -- As far as the agenda lets a claim come early, and half a hold: else one with a short lead would
  -- come for slots that it does not reach, or for a few at a time. Never more than a hold of them.
  local last = now + math.max(lead + hold, math.min(slot() - now + hold, early + hold / 2))
  -- One command for all that is popped, asked and spent. No more is popped than there are slots for;
  -- what is left of them after all (a number that is slowed down) goes back to the front.
  while taken < max and looked < max + 200 and slot() <= last do
    local n = math.min(max - taken, 1000)
    if num(sh.iv) > 0 then n = math.min(n, math.floor((last - slot()) / num(sh.iv)) + 1) end
    if lane_iv > 0 then
      n = math.min(n, math.floor((last + tolerance - math.max(l_tat, now + lead)) / lane_iv) + 1)
    end
    local items = take(lane, places, math.max(1, n))
    if #items == 0 then break end
    local ids, recipients = {}, {}
    for i, item in ipairs(items) do
      local space = string.find(item, ' ', 1, true)
      ids[i], recipients[i] = string.sub(item, 1, space - 1), string.sub(item, space + 1)
    end
    local pair = scores(P .. 'pair:' .. s, recipients)
    local window = scores(P .. 'win:' .. s, recipients)
    local used = places and scores(P .. 'uniq', recipients)
    local pairs_spent, uses, first, again = {}, {}, {}, {}
    for i, item in ipairs(items) do
      local t = slot()
      if t > last or taken == max then
        for k = #items, i, -1 do redis.call('LPUSH', P .. 'q:' .. lane, items[k]) end
        break
      end
      looked = looked + 1
      local r = recipients[i]
      if (pair[r] or 0) > t - ahead then
        redis.call('ZADD', P .. 'd:' .. lane, int(pair[r]), item)
      else
        local outside = (window[r] or 0) <= t + allowance
        local new = places and outside and not used[r]
        if new and places <= 0 then
          wait_for_place(lane, ids[i], r)
          some_wait = true
        else
          pair[r] = t + pair_iv
          pairs_spent[#pairs_spent + 1] = int(pair[r])
          pairs_spent[#pairs_spent + 1] = r
          if outside then
            uses[#uses + 1] = int(t + allowance)
            uses[#uses + 1] = r
            if used then used[r] = t + allowance end
            if new then
              first[#first + 1] = int(t)
              first[#first + 1] = r
            elseif some_first or #first > 0 then
              again[#again + 1] = r
            end
          end
          if new then
            places = places - 1
            if some_wait then release(r, now, early) end
          end
          s_tat = t + sender_interval(sh, t)
          l_tat = math.max(l_tat, t) + lane_iv
          taken = taken + 1
          answer[#answer + 1] = ids[i]
          answer[#answer + 1] = r
          answer[#answer + 1] = t
          answer[#answer + 1] = new and 1 or not outside and 2 or 0
        end
      end
    end
    if #pairs_spent > 0 then redis.call('ZADD', P .. 'pair:' .. s, unpack(pairs_spent)) end
    if #uses > 0 then redis.call('ZADD', P .. 'uniq', 'GT', unpack(uses)) end
    if #first > 0 then
      redis.call('ZADD', P .. 'first', unpack(first))
      some_first = true
    end
    -- Also who took his place in this very claim and is written to a second time in it.
    if #again > 0 then redis.call('ZREM', P .. 'first', unpack(again)) end
  end
  redis.call('HSET', P .. 's:' .. s, 'tat', int(s_tat), 'spent', int(num(sh.spent) + taken))
  if probing and taken > 0 then
    redis.call('HSET', P .. 's:' .. s, 'probe', int(now + num(sh.probe_for)))
  end
  redis.call('HSET', P .. 'l:' .. lane, 'tat', int(l_tat))
  redis.call('ZREMRANGEBYSCORE', P .. 'pair:' .. s, '-inf', int(now))
  redis.call('ZREMRANGEBYSCORE', P .. 'win:' .. s, '-inf', int(now))
  set_later(lane, s)
  -- Its next turn: after everybody who waits already.
  place_lane(lane, s, lh.prio, true, math.max(now, l_tat - tolerance - early), now,
    not places or places > 0)
  return taken
end

for _ = 1, 8 do
  local due = redis.call('ZRANGEBYSCORE', P .. 'agenda', '-inf', int(now), 'LIMIT', 0, 1)
  local s = due[1]
  if not s then break end
  local sh = hash(P .. 's:' .. s)
  move_due(s)
  if sh.full then move_full(s) end
  local lane = best_lane(s)
  local answer, taken = {'OK', int(now), '0', lane or '', s, '0', '0', ''}, 0
  if lane then taken = claim_from(s, sh, lane, answer) end
  local at = set_agenda(s, early)
  if taken > 0 then
    local first = redis.call('ZRANGE', P .. 'agenda', 0, 0, 'WITHSCORES')
    answer[3] = first[2] or '0'
    return answer
  end
  -- Nothing came of it and it still says now: look again soon, but let the others go first.
  if at and at <= now then redis.call('ZADD', P .. 'agenda', int(now + 1), s) end
end
local first = redis.call('ZRANGE', P .. 'agenda', 0, 0, 'WITHSCORES')
return {'OK', int(now), first[2] or '0', '', '', '0', '0', ''}
