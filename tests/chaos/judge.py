"""Was it exact? Compares what was asked, the ledger, the events and the simulator's record, message
by message and attempt by attempt. Knows nothing of how the facts were come by."""

import bisect
import collections
import dataclasses

REACHED = ("sent", "delivered", "read")
NOT_SENT = ("failed", "unknown", "cancelled", "expired", "suppressed")
# What the strongest status that the webhooks told makes of an attempt.
TOLD = {"sent": ("accepted",), "delivered": ("delivered",), "read": ("read",), "failed": ("failed",)}
PAUSE_BOUND_MS = 1000
# How the names of limits begin: one of each kind a run in full must bring close to what it allows.
PRESSED = ("rate of ", "throughput of ", "pair ", "portfolio b-small")
LEAST_PRESSED = 0.6  # a machine that is busy with other things misses slots


@dataclasses.dataclass
class Verdict:
    asked: int = 0
    sent_once: int = 0
    doubled: int = 0
    doubled_by_policy: int = 0
    lost: int = 0
    unknown: int = 0         # ever
    unknown_at_end: int = 0
    over_limit: int = 0
    not_sent: dict = dataclasses.field(default_factory=dict)
    pressed: dict = dataclasses.field(default_factory=dict)  # limit -> most of it used, 0 to 1
    after_pause_max_ms: float = 0.0
    after_end_max_ms: float = 0.0
    findings: list = dataclasses.field(default_factory=list)

    def found(self, kind, text):
        self.findings.append(f"{kind}: {text}")


def unproven(figures, wanted, least=5):
    """Why a run that found nothing proves nothing, in words: what was to happen and did not.
    `wanted`: by figure, the names of what must have happened at least once; of kills `least` times.
    """
    why = [f"{kind} was killed {figures['kills'].get(kind, 0)} times, at least {least} are needed"
           for kind in wanted["kills"] if figures["kills"].get(kind, 0) < least]
    for figure, names in wanted.items():
        why += [f"{figure}: {name} did not happen" for name in names
                if figure != "kills" and not figures[figure].get(name)]
    for kind in PRESSED:
        used = max((u for name, u in figures["pressed"].items() if name.startswith(kind)), default=0)
        if used < LEAST_PRESSED:
            why.append(f"no limit '{kind}...' was used by more than {used:.0%}")
    if not figures["unknown"]:
        why.append("no message was ever UNKNOWN")
    return why


def judge(facts, moving=""):
    """`moving`: what is not at rest, if anything: then sums are of no use, the rest still is."""
    v = Verdict(findings=[f"not adding up: {w}" for w in facts.wrong])
    accepted = collections.defaultdict(list)
    for line in facts.accepted:
        message, attempt = line["callback"].rsplit(".", 1)
        accepted[message].append((int(attempt), line))
    not_sent = collections.Counter()
    for message in facts.messages.values():
        _judge_message(facts, message, sorted(accepted.pop(message.id, []), key=lambda a: a[0]),
                       v, not_sent)
    for message, lines in accepted.items():
        v.found("not adding up", f"{message} was accepted {len(lines)} times and is in no ledger")
    _judge_lanes(facts, v, not_sent)
    _judge_events(facts, v)
    if moving:
        if not moving.startswith("campaign"):  # else all else has come to rest, and must add up
            v.findings = [f for f in v.findings if f.startswith("doubled")]
        v.found("not at rest", moving)
    _judge_limits(facts, v)
    _judge_holds(facts, v)
    v.not_sent = dict(not_sent)
    total = v.sent_once + v.doubled + v.doubled_by_policy + v.lost + sum(not_sent.values())
    if total != v.asked and not moving:
        v.found("not adding up", f"asked {v.asked}, accounted for {total}")
    return v


def story(facts, message, lines):
    """All that is known of a message, on one line."""
    said = "; ".join(f"{n} {line['id'][-12:]} at {line['time_us'] / 1e6:.3f} told {line['told']}"
                     f"{' fault ' + line['fault'] if line.get('fault') else ''}" for n, line in lines)
    own = {n: a for (m, n), a in facts.attempts.items() if m == message.id}
    moves = " ".join(f"r{r}:{a or '-'}>{b}({n}{' ' + why if why else ''})"
                     for a, b, n, r, why in facts.changes.get(message.id, []))
    lane = facts.lanes.get(message.lane)
    return (f"{message.id} of {lane.name if lane else message.lane}: ledger {message.state} "
            f"{message.reason} attempt {message.attempt}, attempts {own}; events {moves}; "
            f"accepted [{said}]")


def _judge_message(facts, message, lines, v, not_sent):
    changes = facts.changes.get(message.id, [])
    if any(to == "unknown" for _, to, *_ in changes):
        v.unknown += 1
    if message.state == "unknown":
        v.unknown_at_end += 1

    def found(kind, why):
        v.found(kind, f"{why}: {story(facts, message, lines)}")

    taken = [(n, line) for n, line in lines if line["told"] != "failed"]
    if len(taken) > 1:
        if _by_policy(taken, changes):
            v.doubled_by_policy += 1
        else:
            v.doubled += 1
            found("doubled", f"accepted {len(taken)} times")
    elif taken:
        v.sent_once += 1
    elif message.state in REACHED:
        v.lost += 1
        found("lost", "the ledger says it was sent")
    elif message.state in NOT_SENT:
        not_sent[message.state] += 1
    else:
        v.lost += 1
        found("lost", f"{message.state} for ever")
    for n, line in lines:
        _judge_attempt(facts, message, n, line, found)
    _judge_changes(message, changes, found)


def _by_policy(taken, changes):
    """Each attempt but the last was UNKNOWN when the ledger decided to send again."""
    numbers = [n for n, _ in taken]
    if len(set(numbers)) < len(numbers):
        return False  # the same attempt twice: nobody decided that
    resent = {n for before, to, n, _, why in changes
              if (before, to) == ("unknown", "queued") and why in ("RESEND", "RESEND_BY_HAND")}
    return all(n in resent for n in numbers[:-1])


def _judge_attempt(facts, message, number, line, found):
    state, provider_id = facts.attempts.get((message.id, number), ("no record", ""))
    wanted = TOLD.get(line["told"], ("accepted", "ambiguous"))
    if state not in wanted:
        found("not adding up", f"attempt {number} is {state}, must be {' or '.join(wanted)}")
    elif provider_id and provider_id != line["id"]:
        found("not adding up", f"attempt {number} has another provider id: {provider_id}")
    told = line["told"]
    if told in REACHED and message.state not in REACHED[REACHED.index(told):]:
        found("not adding up", f"told {told}, but the message is {message.state}")
    if line["to"].lstrip("+") != message.phone.lstrip("+"):
        found("not adding up", f"went to somebody else, {line['to']}")


def _judge_changes(message, changes, found):
    """The events tell the ledger's story without a gap, and it ends where the ledger stands."""
    at, revision = "", 0
    for before, to, _, number, _ in changes:
        if before != at or number <= revision:
            found("not adding up", f"its events leap at revision {number}")
            return
        at, revision = to, number
    if at != message.state:
        found("not adding up", f"its events end in {at or 'nothing'}")


def _counts(lane, messages):
    """(what, counted, must be) of a run: analytics' figures and campaigns' progress."""
    states = collections.Counter(m.state for m in messages)
    told, progress, missing = lane.told, lane.progress or {}, lane.asked - lane.rows
    counts = [("asked by analytics", told.asked, lane.asked),
              ("asked by campaigns", lane.campaign.asked, lane.asked),
              ("not expanded by campaigns", lane.campaign.not_expanded, missing),
              ("not expanded by analytics", told.not_expanded, missing)]
    for state in ("queued", "sending", *REACHED, *NOT_SENT):
        counts += [(f"{state} by analytics", getattr(told, state), states[state]),
                   (f"{state} by campaigns", progress.get(state, 0), states[state])]
    for n, reached in enumerate(REACHED):
        counts.append((f"reached {reached} by analytics", getattr(told, f"reached_{reached}"),
                       sum(1 for m in messages if m.reached in REACHED[n:])))
    return counts


def _judge_lanes(facts, v, not_sent):
    messages = collections.defaultdict(list)
    for message in facts.messages.values():
        messages[message.lane].append(message)
    for lane in facts.lanes.values():
        v.asked += lane.asked
        if lane.told is None:
            continue
        name, missing = lane.name, lane.asked - lane.rows
        for what, is_, should in _counts(lane, messages[lane.id]):
            if is_ != should:
                v.found("not adding up", f"{name}: {what} {is_}, must be {should}")
        state = type(lane.campaign).DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[
            lane.campaign.state].name
        if missing and state == "COMPLETED" and lane.id not in facts.ends:
            v.lost += missing
            v.found("lost", f"{name} is COMPLETED, {missing} of its people are not in the ledger")
        elif missing:
            not_sent["not_expanded"] += missing


def _judge_events(facts, v):
    for event, sender, phone in facts.published:
        messages = facts.events.get(event, [])
        rows = [m for m in messages if m in facts.messages]
        if len(rows) != 1:
            v.lost += not rows
            v.found("lost" if not rows else "not adding up",
                    f"event {event} for {sender} ({phone}) has {len(rows)} messages, steps {messages}")
    told, inbound, answers = facts.inbound
    if (inbound, answers) != (told, told):
        v.found("not adding up", f"customers wrote {told} times; dispatcher has {inbound}, "
                                 f"triggers has {answers}")


def over(moments, limit, seconds):
    """Of sorted (moment, what): those that were too many in the window that they end."""
    return [(moments[i - limit], moments[i]) for i in range(limit, len(moments))
            if moments[i][0] - moments[i - limit][0] < seconds]


def most(moments, seconds):
    """Of sorted (moment, what): the most in any window."""
    worst = first = 0
    for last, (moment, _) in enumerate(moments):
        while moment - moments[first][0] >= seconds:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def _judge_limits(facts, v):
    by_lane, by_number, by_pair = (collections.defaultdict(list) for _ in range(3))
    lines = sorted(facts.accepted + facts.refused, key=lambda line: line["time_us"])
    for line in lines:
        start = (line["time_us"] / 1e6, line.get("callback", ""))
        message = facts.messages.get(start[1].rsplit(".", 1)[0])
        if message:
            by_lane[message.lane].append(start)
        by_number[line["phone_number_id"]].append(start)
        by_pair[line["phone_number_id"], line.get("to", "").lstrip("+")].append(start)

    def check(what, starts, limit, seconds):
        kind = what.split(" and ")[0]
        v.pressed[kind] = max(v.pressed.get(kind, 0), round(most(starts, seconds) / limit, 3))
        for first, last in over(starts, limit, seconds):
            v.over_limit += 1
            v.found("over limit", f"{what}: more than {limit} in {last[0] - first[0]:.6f} s (of "
                                  f"{seconds:g} s), from {first[1]} at {first[0]:.6f} to {last[1]}")

    for lane in facts.lanes.values():
        if lane.rate:
            check(f"rate of {lane.name}", by_lane[lane.id], *lane.rate)
    for name, number, phases in facts.limits:
        starts = by_number[number]
        check(f"throughput of number {name}", starts, *max(phase.value for phase in phases))
        for phase in phases if len(phases) > 1 else ():
            check(f"throughput of number {name} and its change to {phase.value[0]}",
                  [s for s in starts if phase.since <= s[0] < phase.until], *phase.value)
    for name, number, seconds in facts.pairs:
        for (of, to), starts in by_pair.items():
            if of == number and to:
                check(f"pair {name} and {to}", starts, 1, seconds)
    for name, numbers, phases in facts.portfolios:
        _judge_portfolio(facts, name, numbers, phases, v)


def _judge_portfolio(facts, name, numbers, phases, v):
    """Who was written to outside a window took a place when he was first tried, or when a claim was
    lost on its way: under the limit of that moment, so the highest of all until now counts. No run is
    as long as a day."""
    people = {line["to"].lstrip("+") for line in facts.accepted
              if line["phone_number_id"] in numbers and line["kind"] == "template"}
    first = {}
    for line in facts.accepted + facts.refused:
        to, at = line.get("to", "").lstrip("+"), line["time_us"] / 1e6
        if line["phone_number_id"] in numbers and to in people:
            first[to] = min(at, first.get(to, at))
    for count, (at, to) in enumerate(sorted((at, to) for to, at in first.items()), 1):
        limit = max(p.value for n, p in enumerate(phases) if n == 0 or phases[n - 1].until <= at)
        v.pressed[f"portfolio {name}"] = round(max(v.pressed.get(f"portfolio {name}", 0),
                                                   count / limit), 3)
        if count > limit:
            v.over_limit += 1
            v.found("over limit", f"portfolio {name}: {to} is number {count} outside windows at "
                                  f"{at:.6f}, at most {limit} in 24 h then")


def _judge_holds(facts, v):
    starts, of_number = collections.defaultdict(list), collections.defaultdict(list)
    for line in facts.accepted + facts.refused:
        of_number[line["phone_number_id"]].append((line["time_us"] / 1e6, line.get("callback", "")))
        message = facts.messages.get(line.get("callback", "").rsplit(".", 1)[0])
        if message:
            starts[message.lane].append((line["time_us"] / 1e6, line["callback"]))
    for moments in starts.values():
        moments.sort()

    def check(name, moments, replied, until):
        after = _last_between(moments, replied, until)
        if after:
            v.after_pause_max_ms = max(v.after_pause_max_ms, round((after[0] - replied) * 1000, 1))
            if (after[0] - replied) * 1000 > PAUSE_BOUND_MS:
                v.found("after pause", f"{name}: {after[1]} started "
                                       f"{after[0] - replied:.3f} s after the reply of {replied:.3f}")

    for lane, replied, until in facts.holds:
        check(facts.lanes[lane].name, starts[lane], replied, until)
    for target, numbers, replied, until in facts.stops:
        check(f"sending of {target}",
              sorted(start for number in numbers for start in of_number[number]), replied, until)
    for lane, end in facts.ends.items():
        after = _last_between(starts[lane], end, float("inf"))
        if after:
            v.after_end_max_ms = max(v.after_end_max_ms, round((after[0] - end) * 1000, 3))
            v.found("after end", f"{facts.lanes[lane].name}: {after[1]} started "
                                 f"{after[0] - end:.6f} s after its end time")


def _last_between(moments, after, until):
    i = bisect.bisect_left(moments, (until, ""))
    return moments[i - 1] if i and moments[i - 1][0] > after else None
