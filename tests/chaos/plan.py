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
LEASE_S = 4
UNKNOWN_WINDOW_S = 6
# The end of a run is left to what follows from the faults.
ACTIVE = 0.8


@dataclasses.dataclass
class Disturbance:
    at: float
    part: str
    # kill, suspend, immediate (PostgreSQL), emptied or cut_back (Redis); a link's: see proxy.py
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
class Sender:
    outlet: str
    number: int
    portfolio: str
    throughput: str
    pair_rate: str = "1/6s"


# Each binds somewhere: `rate` by its campaigns' rates, the others by what their names say.
SENDERS = {
    "rate": Sender("toko-a", 0, "a", "1000/s"),
    "throughput": Sender("toko-a", 1, "a", "20/s"),
    "pair": Sender("toko-a", 2, "a", "1000/s"),
    "portfolio": Sender("toko-b", 0, "b-small", "1000/s"),
    "events": Sender("toko-b", 1, "b-big", "80/s"),
}
PORTFOLIOS = {"a": 1_000_000, "b-small": 40, "b-big": 100_000}


@dataclasses.dataclass
class Plan:
    seed: int
    seconds: float
    campaigns: list
    events: list  # moments at which business events are published
    disturbances: list
    scenario: dict


def make(seed, seconds, recipients, kills):
    """`recipients`: people in all campaigns together; `kills`: processes killed, at least."""
    draw = random.Random(seed)
    campaigns = _campaigns(draw, seconds, recipients)
    events = sorted(draw.uniform(0.5, seconds * ACTIVE) for _ in range(max(10, int(seconds))))
    return Plan(seed, seconds, campaigns, events, _disturbances(draw, seconds, kills),
                _scenario(draw, seconds))


def _campaigns(draw, seconds, recipients):
    small = {
        # 45 in 6 s: the house's 45 a minute on a clock ten times as fast.
        "45-in-6s": Campaign("45-in-6s", int(5 * seconds), "rate", "45/6s"),
        "throughput-1": Campaign("throughput-1", int(5 * seconds), "throughput", "1000/s"),
        "throughput-2": Campaign("throughput-2", int(4 * seconds), "throughput", "1000/s"),
        "pair-1": Campaign("pair-1", 60, "pair", "1000/s"),
        "pair-2": Campaign("pair-2", 60, "pair", "1000/s", same_people_as="pair-1"),
        "pair-3": Campaign("pair-3", 60, "pair", "1000/s", same_people_as="pair-1"),
        "portfolio": Campaign("portfolio", 2 * PORTFOLIOS["b-small"], "portfolio", "10/s",
                              end=seconds * 0.9),
        "cancelled": Campaign("cancelled", int(10 * seconds), "events", "15/s"),
        "held": Campaign("held", int(3 * seconds), "events", "15/s", hold=True),
        "ended": Campaign("ended", int(8 * seconds), "rate", "10/s",
                          end=seconds * draw.uniform(0.4, 0.8)),
    }
    rest = max(100, recipients - sum(c.people for c in small.values()))
    bulk = Campaign("bulk", rest, "rate", f"{max(20, int(rest / (seconds * 0.6)))}/s")
    for campaign in (bulk, small["45-in-6s"], small["throughput-1"], small["held"]):
        campaign.deeds = _pauses(draw, seconds)
    small["throughput-2"].deeds = [(t, "retry") for t in _moments(draw, seconds, 3)]
    bulk.deeds = sorted(bulk.deeds + [(t, "retry") for t in _moments(draw, seconds, 3)])
    small["cancelled"].deeds = [(draw.uniform(0.2, 0.7) * seconds, "cancel")]
    return [bulk, *small.values()]


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
    points, done = fail_points(), dict.fromkeys(KINDS, 0)
    for of_kind in points.values():
        draw.shuffle(of_kind)
    kinds = (KINDS * (kills // len(KINDS) + 1))[:kills]
    draw.shuffle(kinds)
    made = []
    for n, kind in enumerate(kinds):
        part = f"worker-{draw.randint(1, 2)}" if kind == "worker" else kind
        how, length = "kill", 0
        if kind == "redis":
            how = draw.choice(["kill", "cut_back", "emptied"])
            length = draw.uniform(1, 5) if how == "cut_back" else 0
        elif kind == "postgres":
            how = draw.choice(["immediate", "immediate", "kill"])
        point, hits = "", 0
        if points[kind]:  # in turns
            point, hits = points[kind][done[kind] % len(points[kind])], draw.randint(1, 6)
            done[kind] += 1
        elif how in ("cut_back", "emptied") and draw.random() < 0.7:
            point, hits = AFTER_LOSS, 1
        # Evenly, but for a share of the gap: two at once happen too.
        gap = seconds * ACTIVE / max(1, len(kinds))
        made.append(Disturbance(1 + gap * (n + draw.uniform(0, 1.5)), part, how, length, point, hits))
    for _ in range(max(2, kills // 3)):
        part = draw.choice([*SERVICES, "worker-1", "worker-2", "worker-1", "worker-2", "redis",
                            "postgres", "dispatcher"])
        longer = draw.random() < 0.3
        length = draw.uniform(LEASE_S + 0.5, LEASE_S + 2) if longer else draw.uniform(0.1, 2)
        made.append(Disturbance(draw.uniform(1, seconds * ACTIVE), part, "suspend", length))
    for _ in range(max(3, kills // 2)):
        how = draw.choice(["delay", "hold", "half_open", "cut"])
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
