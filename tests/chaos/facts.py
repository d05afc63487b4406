"""Everything that is known at the end of a run: what was asked, the ledger, the events, the
simulator's record. Collected once, then only judged."""

import collections
import dataclasses
import re

import grpc

import plan as plans
from scene import number_id

STATES = ["", "queued", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled",
          "expired", "suppressed"]
# What is claimed already may still start, in its slot.
IN_FORCE_S = 1.0
ATTEMPTS = ["started", "returned", "ambiguous", "accepted", "failed", "delivered", "read"]


@dataclasses.dataclass
class Lane:
    id: str
    name: str           # the campaign's, or of the events of a sender
    asked: int          # what was asked for, by the one who asked
    rate: tuple = None  # (limit, seconds)
    rows: int = 0       # of it in the ledger
    told: dict = None   # analytics' figures; None: a lane of events
    progress: dict = None  # state -> messages, by the events that campaigns counted
    campaign: object = None


@dataclasses.dataclass
class Message:
    id: str
    lane: str
    state: str
    attempt: int
    revision: int
    reached: str
    reason: str
    phone: str


@dataclasses.dataclass
class Facts:
    lanes: dict        # id -> Lane
    messages: dict     # id -> Message
    attempts: dict     # (message id, attempt) -> (state, provider id)
    changes: dict      # message id -> [(from, to, attempt, revision, reason)] in the events' order
    accepted: list     # the simulator's lines
    refused: list
    events: dict       # event id -> message ids of its steps; "": none yet
    published: list
    holds: list        # (lane id, replied, until)
    stops: list        # (target, number ids, replied, until)
    ends: dict         # lane id -> end time
    inbound: tuple     # (the simulator's answers, dispatcher's, triggers')
    limits: list       # (name, number id, phases of (limit, seconds)): throughput of each number
    pairs: list        # (name, number id, seconds)
    portfolios: list   # (name, number ids, phases of limit)
    wrong: list        # what could not be asked


def window(rate):
    """'45/6s' -> (45, 6.0)."""
    limit, every, unit = re.fullmatch(r"(\d+)/(\d*)(s|min)", rate).groups()
    return int(limit), float(every or 1) * (60 if unit == "min" else 1)


@dataclasses.dataclass
class Phase:
    """A limit, surely in force for starts after `since` and until `until`."""
    value: object
    since: float
    until: float


def phases(first, changes, settled):
    """`changes` of (asked, replied, value), in order: each is in force `settled` seconds after the
    reply at the latest."""
    found = [Phase(first, 0.0, float("inf"))]
    for asked, replied, value in changes:
        found[-1].until = asked
        found.append(Phase(value, replied + settled, float("inf")))
    return found


def collect(scene, play):
    stage, wrong = scene.stage, scene.verify()
    lanes = _lanes(scene, wrong)
    _event_lanes(scene, play, lanes)
    messages = {}
    for row in _rows(stage, "SELECT id, lane_id, state, attempt, revision, reached, reason, phone"
                            " FROM dispatcher.messages"):
        messages[row[0]] = Message(row[0], row[1], STATES[int(row[2])], int(row[3]), int(row[4]),
                                   STATES[int(row[5])], row[6], row[7])
        if row[1] in lanes:
            lanes[row[1]].rows += 1
    attempts = {(r[0], int(r[1])): (ATTEMPTS[int(r[2])], r[3]) for r in _rows(
        stage, "SELECT message_id, attempt, state, provider_id FROM dispatcher.all_attempts")}
    steps = collections.defaultdict(list)
    for event, message in _rows(stage, "SELECT event_id, message_id FROM triggers.steps"):
        steps[event].append(message)
    answers = sum(stage.sim("summary")["answers"].values())
    inbound = (answers, int(stage.query("SELECT count(*) FROM dispatcher.inbound")),
               int(stage.query("SELECT count(*) FROM triggers.answers")))
    by_name = {lane.name: lane.id for lane in lanes.values()}
    changes = collections.defaultdict(list)
    for c in sorted(play.changes, key=lambda c: c.asked):
        changes[c.target].append((c.asked, c.replied, c.value))

    def rates(name, first):
        return phases(window(first), [(a, r, window(v)) for a, r, v in changes[name]], IN_FORCE_S)

    portfolios = collections.defaultdict(list)
    for name, sender in plans.SENDERS.items():
        portfolios[sender.portfolio].append(number_id(name))
    return Facts(
        lanes, messages, attempts, _changes(stage), stage.record(), stage.refused(), steps,
        play.published, [(by_name.get(h.campaign), h.replied, h.until) for h in play.holds],
        [(s.target, s.numbers, s.replied, s.until) for s in play.stops],
        {by_name[n]: end for n, end in play.ends.items() if n in by_name}, inbound,
        [(n, number_id(n), rates(n, s.throughput)) for n, s in plans.SENDERS.items()],
        [(n, number_id(n), window(s.pair_rate)[1]) for n, s in plans.SENDERS.items()],
        [(n, numbers, phases(plans.PORTFOLIOS[n], changes[n], IN_FORCE_S))
         for n, numbers in portfolios.items()], wrong)


def _rows(stage, sql):
    text = stage.query(sql)
    return [line.split("|") for line in text.splitlines()] if text else []


def _lanes(scene, wrong):
    lanes = {}
    for campaign in scene.plan.campaigns:
        now = scene.get(campaign.name)
        lane = Lane(now.run_id, campaign.name, len(scene.audience[campaign.name]),
                    window(campaign.rate), campaign=now)
        client = scene.client(plans.SENDERS[campaign.sender].outlet)
        pb = client.pb.analytics
        try:
            lane.told = client.analytics.GetCampaignStats(
                pb.GetCampaignStatsRequest(run_id=now.run_id))
        except grpc.RpcError as e:
            wrong.append(f"no figures of {campaign.name}: {e.details()}")
        lanes[now.run_id] = lane
    for run, *counted in _rows(scene.stage, "SELECT run_id, array_to_string(states, '|')"
                                            " FROM campaigns.run_progress"):
        if run in lanes:
            lanes[run].progress = dict(zip(STATES[1:], map(int, counted)))
    return lanes


def _event_lanes(scene, play, lanes):
    for name, sender in scene.senders.items():
        outlet = plans.SENDERS[name].outlet
        lane = f"trg-{len(outlet)}-{outlet}-{sender}"
        asked = sum(1 for _, by, _ in play.published if by == name)
        lanes[lane] = Lane(lane, f"events of {name}", asked)


def _changes(stage):
    """Each message's changes by the events, all of the run's: nobody trims them."""
    from kabar.events.v1 import events_pb2  # generated when the stage started
    changes, last = collections.defaultdict(list), 0
    while True:
        rows = _rows(stage, "SELECT number, encode(batch, 'hex') FROM dispatcher.outbox"
                            f" WHERE number > {last} ORDER BY number LIMIT 2000")
        for number, batch in rows:
            last = int(number)
            for event in events_pb2.EventBatch.FromString(bytes.fromhex(batch)).events:
                if event.HasField("message_changed"):
                    m = event.message_changed
                    changes[m.message_id].append((STATES[getattr(m, "from")], STATES[m.to], m.attempt,
                                                  m.revision, m.reason))
        if len(rows) < 2000:
            return changes
