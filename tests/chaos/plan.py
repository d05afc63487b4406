"""What a run will do, drawn from its seed before anything starts: the same seed, the same plan.

Every figure that depends on chance stands here and nowhere else. Moments are seconds since the
campaigns' start.
"""

import dataclasses
import os
import random
import re

# Kinds of processes, as kills are counted.
SERVICES = ["contacts", "templates", "dispatcher", "campaigns", "triggers", "analytics", "gateway"]
KINDS = [*SERVICES, "worker", "redis", "postgres"]
# Whoever talks to whom. Not the way to the provider: what is held there after the last check starts
# late, and nobody could do anything about it.
LINKS = [*(f"{s}>postgres" for s in [*SERVICES[:-1], "worker-1", "worker-2", "worker-1", "worker-2"]),
         *(f"{s}>redis" for s in ("dispatcher", "worker-1", "worker-2")),
         "campaigns>contacts", "campaigns>templates", "campaigns>dispatcher", "triggers>contacts",
         "triggers>templates", "triggers>dispatcher", "contacts>dispatcher", "dispatcher>contacts",
         "analytics>dispatcher", "analytics>triggers", "gateway>dispatcher", "cloudsim>gateway"]
HEADER = os.path.join(os.path.dirname(__file__), "..", "..", "libs", "base", "fail_point.h")
# Every process that follows events comes by these, whatever the header's test kills there.
OF_CONSUMERS = ("position-stored", "effect-committed")
CONSUMERS = ("analytics", "campaigns", "contacts", "triggers")
# Comes by only after Redis was emptied: see disturb.py.
AFTER_LOSS = "limits-rebuilt"
# Of what may happen to a kind of process, each in its turn; the first two are losses of memory or of
# data besides the kill.
LOSSES = {"redis": ["emptied", "cut_back", "kill"], "postgres": ["immediate", "kill", "immediate"]}
EARLY_LOSSES = [(3, 12), (16, 30)]  # of Redis
NETWORK_FAULTS = ["delay", "hold", "half_open", "cut"]
LEASE_S = 4
UNKNOWN_WINDOW_S = 6
# The end of a run is left to what follows from the faults.
ACTIVE = 0.8


@dataclasses.dataclass
class Disturbance:
    at: float
    part: str
    # kill, suspend, one of LOSSES, or of NETWORK_FAULTS on a link
    how: str
    seconds: float = 0  # suspended for so long; cut back by so much
    # The process comes back with a fail point, and is killed once more when it passes it for the
    # `hits`-th time.
    point: str = ""
    hits: int = 0


@dataclasses.dataclass
class Campaign:
    name: str
    people: int
    sender: str  # a key of SENDERS
    rate: str
    same_people_as: str = ""
    hold: bool = False
    end: float = 0  # nothing is sent after it; 0: a day
    deeds: list = dataclasses.field(default_factory=list)  # (at, verb)


@dataclasses.dataclass
class Order:
    """What an operator does above campaigns: changes something, and after a while changes it back."""
    at: float
    # stop (a number, an outlet, or all), throughput (of a number), limit (of a portfolio), resolve
    # (a campaign's UNKNOWN messages)
    verb: str
    target: str
    value: object = None
    back: object = None  # what stands after `seconds`
    seconds: float = 0


@dataclasses.dataclass
class Sender:
    outlet: str
    number: int
    portfolio: str
    throughput: str
    pair_rate: str = "1/6s"


# Each binds somewhere: `rate` by its campaigns' rates, the others by what their names say. Most
# people are of campaigns of `mass-1` and `mass-2`.
SENDERS = {
    "rate": Sender("toko-a", 0, "a", "1000/s"),
    "throughput": Sender("toko-a", 1, "a", "20/s"),
    "pair": Sender("toko-a", 2, "a", "1000/s", "1/15s"),
    "portfolio": Sender("toko-b", 0, "b-small", "1000/s"),
    "events": Sender("toko-b", 1, "b-big", "80/s"),
    "mass-1": Sender("toko-b", 2, "b-big", "1000/s"),
    "mass-2": Sender("toko-b", 3, "b-big", "1000/s"),
}
PORTFOLIOS = {"a": 1_000_000, "b-small": 40, "b-big": 1_000_000}


@dataclasses.dataclass
class Plan:
    seed: int
    seconds: float
    campaigns: list
    events: list  # moments at which business events are published
    orders: list
    disturbances: list
    scenario: dict


def size(seconds, long=False):
    """(recipients, kills) of the short and the long form, where nobody says otherwise."""
    return round(seconds * (40_000 / 60 if long else 60)), max(10, int(seconds / (4 if long else 3)))


def make(seed, seconds, recipients, kills):
    """`recipients`: people in all campaigns together; `kills`: processes killed, at least."""
    draw = random.Random(seed)
    campaigns = _campaigns(draw, seconds, recipients)
    events = sorted(draw.uniform(0.5, seconds * ACTIVE) for _ in range(max(10, int(seconds))))
    return Plan(seed, seconds, campaigns, events, _orders(draw, seconds),
                _disturbances(draw, seconds, kills), _scenario(draw, seconds))


def _campaigns(draw, seconds, recipients):
    small = {
        # 45 in 6 s: the house's 45 a minute on a clock ten times as fast.
        "45-in-6s": Campaign("45-in-6s", int(5 * seconds), "rate", "45/6s"),
        "throughput-1": Campaign("throughput-1", int(5 * seconds), "throughput", "1000/s"),
        "throughput-2": Campaign("throughput-2", int(4 * seconds), "throughput", "1000/s"),
        # Each of these people waits for his next message for 45 s, one after the other: whenever a
        # Redis is lost meanwhile, some of them were written to less than 15 s before it is back.
        "pair-1": Campaign("pair-1", 60, "pair", "4/s"),
        **{f"pair-{n}": Campaign(f"pair-{n}", 60, "pair", "1000/s", same_people_as="pair-1")
           for n in range(2, 5)},
        "portfolio": Campaign("portfolio", 2 * PORTFOLIOS["b-small"], "portfolio", "10/s",
                              end=seconds * 0.9),
        "cancelled": Campaign("cancelled", int(10 * seconds), "events", "15/s"),
        "held": Campaign("held", int(3 * seconds), "events", "15/s", hold=True),
        "ended": Campaign("ended", int(8 * seconds), "rate", "10/s",
                          end=seconds * draw.uniform(0.4, 0.8)),
    }
    rest = max(100, recipients - sum(c.people for c in small.values()))
    # By thirds, so that no number is busy to the end; through by 60% of the time, but for the faults.
    bulk = [Campaign(name, rest // 3, sender, f"{max(20, int(rest / 3 / (seconds * 0.6)))}/s")
            for name, sender in (("bulk", "rate"), ("mass-1", "mass-1"), ("mass-2", "mass-2"))]
    for campaign in (*bulk, small["45-in-6s"], small["throughput-1"], small["held"]):
        campaign.deeds = _pauses(draw, seconds)
    for campaign in (bulk[0], bulk[1], small["throughput-2"]):
        campaign.deeds = sorted(campaign.deeds + [(t, "retry") for t in _moments(draw, seconds, 3)])
    small["cancelled"].deeds = [(draw.uniform(0.2, 0.7) * seconds, "cancel")]
    return [*bulk, *small.values()]


def _orders(draw, seconds):
    """At most a fifth of the time is taken by stops of everything."""
    times = max(1, int(seconds / 60))
    orders = []
    for target in ("rate", "mass-1", "throughput", "toko-a", "toko-b", "all"):
        orders += [Order(at, "stop", target, seconds=draw.uniform(1.2, 2.5))
                   for at in _apart(draw, seconds, times)]
    for target, value in (("throughput", "8/s"), ("mass-2", "50/s"), ("events", "10/s")):
        orders += [Order(at, "throughput", target, value, SENDERS[target].throughput,
                         draw.uniform(2, 5)) for at in _apart(draw, seconds, times)]
    first = PORTFOLIOS["b-small"]
    for n, at in enumerate(_apart(draw, seconds, times)):  # lower than what is used, then higher
        orders.append(Order(at, "limit", "b-small", first // 2, first + 3 * (n + 1),
                            draw.uniform(1, 3)))
    orders += [Order(at, "resolve", "held") for at in _moments(draw, seconds, 2 + times)]
    return sorted(orders, key=lambda o: o.at)


def _apart(draw, seconds, count):
    """Moments of the active time, one in each part of it: what is done twice never overlaps."""
    part = (seconds * ACTIVE - 2) / count
    return [1 + part * n + draw.uniform(0.05, 0.5) * part for n in range(count)]


def _moments(draw, seconds, count):
    return sorted(draw.uniform(0.1, ACTIVE) * seconds for _ in range(count))


def _pauses(draw, seconds):
    """Pause and resume in turns, each standing for 1.5 to 4 s."""
    deeds, at = [], draw.uniform(1, seconds * 0.2)
    while at < seconds * ACTIVE - 4:
        stand = draw.uniform(1.5, 4)
        deeds += [(at, "pause"), (at + stand, "resume")]
        at += stand + draw.uniform(2, max(3, seconds * 0.25))
    return deeds


def fail_points():
    """Kind of process -> the fail points that it comes by, AFTER_LOSS left out."""
    with open(HEADER, encoding="utf-8") as f:
        listed = re.findall(r'^    \{"([a-z-]+)", "([a-z0-9-]+)"\},$', f.read(), re.M)
    points = {kind: [] for kind in KINDS}
    for name, part in listed:
        kinds = CONSUMERS if name in OF_CONSUMERS else [kind_of(part)]
        for kind in kinds if name != AFTER_LOSS else ():
            points[kind].append(name)
    return points


def kind_of(part):
    return "worker" if part.startswith("worker-") else part


def _disturbances(draw, seconds, kills):
    """Kills spread evenly over the kinds, suspensions beside them."""
    points, done, of_kind = fail_points(), dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for listed in points.values():
        draw.shuffle(listed)
    kinds = (KINDS * (kills // len(KINDS) + 1))[:kills]
    draw.shuffle(kinds)
    made = []
    for n, kind in enumerate(kinds):
        part = f"worker-{draw.randint(1, 2)}" if kind == "worker" else kind
        how = LOSSES[kind][of_kind[kind] % 3] if kind in LOSSES else "kill"
        of_kind[kind] += 1
        length = draw.uniform(1, 5) if how == "cut_back" else 0
        point, hits = "", 0
        if points[kind]:  # in turns
            point, hits = points[kind][done[kind] % len(points[kind])], draw.randint(1, 6)
            done[kind] += 1
        elif how in ("cut_back", "emptied") and draw.random() < 0.7:
            point, hits = AFTER_LOSS, 1
        # Evenly, but for a share of the gap: two at once happen too. Redis is lost early, too, while
        # all limits are pressed.
        gap = seconds * ACTIVE / max(1, len(kinds))
        at = 1 + gap * (n + draw.uniform(0, 1.5))
        if kind == "redis" and of_kind[kind] <= len(EARLY_LOSSES):
            at = min(draw.uniform(*EARLY_LOSSES[of_kind[kind] - 1]), seconds * ACTIVE)
        made.append(Disturbance(at, part, how, length, point, hits))
    for n in range(max(2, kills // 3)):
        part = draw.choice([*SERVICES, "worker-1", "worker-2", "worker-1", "worker-2", "redis",
                            "postgres", "dispatcher"])
        longer = n % 3 == 0
        if n % 6 == 0:  # who holds messages: its leases run out meanwhile
            part = f"worker-{draw.randint(1, 2)}"
        length = draw.uniform(LEASE_S + 0.5, LEASE_S + 2) if longer else draw.uniform(0.1, 2)
        made.append(Disturbance(draw.uniform(1, seconds * ACTIVE), part, "suspend", length))
    for n in range(max(len(NETWORK_FAULTS), kills // 2)):
        how = NETWORK_FAULTS[n % len(NETWORK_FAULTS)]
        made.append(Disturbance(draw.uniform(1, seconds * ACTIVE), draw.choice(LINKS), how,
                                0 if how == "cut" else draw.uniform(0.2, 3)))
    return sorted(made, key=lambda d: d.at)


def _scenario(draw, seconds):
    """The provider at its worst. Statuses may be late, but nearly never later than the window."""
    # These slow the whole number for a while: always there, they would keep its limit from binding.
    busy = [draw.uniform(0, 0.6) * seconds for _ in range(3)]
    return {
        "latency": {"kind": "lognormal", "ms": 20, "sigma": 0.8, "max_ms": 1500},
        "faults": [
            *({"do": "error", "code": code, "probability": 0.03, "from_s": at, "to_s": at + 4}
              for code, at in zip([130429, 131000, 130429], busy)),
            {"do": "error", "code": 131056, "probability": 0.003},
            {"do": "error", "code": 131026, "probability": 0.02, "first_attempts": 1},
            {"do": "http", "status": 503, "probability": 0.003},
            {"do": "timeout_after_accept", "probability": 0.003},
            {"do": "close_after_accept", "probability": 0.01, "only_reused": True},
            {"do": "bad_gateway_after_accept", "probability": 0.005},
            {"do": "reset_after_accept", "probability": 0.005},
            {"do": "timeout_before_accept", "probability": 0.002},
            {"do": "close_before_accept", "probability": 0.005},
            {"do": "reset_before_accept", "probability": 0.003},
            {"do": "reset_on_connect", "probability": 0.05},
        ],
        "statuses": {"sent_ms": [10, 60], "delivered_ms": [20, 150], "read_ms": [20, 300],
                     "duplicate": 0.1, "missing": 0.02, "late": 0.05, "late_ms": [300, 4000],
                     "reorder": 0.2, "failed": 0.01, "failed_codes": [131026], "read_at_once": 0.1},
        "customers": {"answer": 0.05, "stop": 0.05, "delay_ms": [100, 3000]},
    }


# From the end of the plan on: all works, and soon.
FAULTS_OFF = {
    "latency": {"kind": "uniform", "min_ms": 1, "max_ms": 20},
    "statuses": {"sent_ms": [10, 60], "delivered_ms": [20, 150], "read_ms": [20, 200]},
}


def wanted():
    """What a run in full must have had, by figure: see judge.unproven."""
    points = {point for of in fail_points().values() for point in of}
    # Of connections that it resets the simulator keeps no count.
    faults = {f["do"] for f in _scenario(random.Random(0), 1)["faults"]} - {"reset_on_connect"}
    return {"kills": KINDS, "fail_points": sorted([*points, AFTER_LOSS]),
            "losses": [*(f"{part} {how}" for part, hows in LOSSES.items() for how in set(hows)),
                       "worker suspended for longer than its leases"],
            "network_faults": NETWORK_FAULTS, "faults": sorted(faults),
            "ordered": ["PauseSending", "ResumeSending", "UpdateSender", "UpdatePortfolio",
                        "ResolveUnknown"]}
