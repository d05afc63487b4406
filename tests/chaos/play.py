"""Plays a plan on a scene: starts and controls the campaigns, publishes events, gives the operators'
orders, disturbs; then lets everything come to rest."""

import collections
import concurrent.futures
import dataclasses
import datetime
import threading
import time

import grpc

import plan as plans
from scene import EVENT_TYPES, Refused, number_id

LONGEST_REST = 3600
ENDED = ("COMPLETED", "CANCELLED", "FAILED")


@dataclasses.dataclass
class Hold:
    """No request of the campaign may start in between (but within 1 s of the reply)."""
    campaign: str
    replied: float
    until: float = float("inf")


@dataclasses.dataclass
class Stop:
    """The same for numbers."""
    target: str
    numbers: set
    replied: float
    until: float = float("inf")


@dataclasses.dataclass
class Change:
    """Of a limit, of a number or a portfolio: in force some time after `asked`, surely soon after
    `replied`."""
    target: str
    asked: float
    replied: float
    value: object


class Play:
    def __init__(self, scene, disturber, say, patience):
        self.scene = scene
        self.disturber = disturber
        self.say = say
        self.patience = patience  # seconds for a call, and without any progress on the way to rest
        self.holds = []
        self.stops = []
        self.changes = []
        self.ordered = collections.Counter()  # verb -> how often it was answered
        self.ends = {}        # campaign -> end time, where it has one
        self.published = []   # (event id, sender, phone), answered
        self.in_doubt = []    # events whose publisher got no answer
        self.troubles = []
        self._lock = threading.Lock()
        self._events = 0
        self._t0 = 0.0

    # -- the time of the faults -------------------------------------------------------------------
    def perform(self):
        plan = self.scene.plan
        self._t0 = time.monotonic()
        self.scene.stage.sim("scenario", plan.scenario)
        jobs = [lambda c=c: self._campaign(c) for c in plan.campaigns]
        jobs += [lambda o=o: self._at(o.at, lambda: self._order(o)) for o in plan.orders]
        jobs += [lambda d=d: self._at(d.at, lambda: self.disturber.play(d)) for d in plan.disturbances]
        senders = list(EVENT_TYPES)
        jobs += [lambda i=i, at=at: self._at(at, lambda: self.publish(senders[i % len(senders)]))
                 for i, at in enumerate(plan.events)]
        with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
            for job in concurrent.futures.as_completed([pool.submit(j) for j in jobs]):
                job.result()

    def _at(self, moment, act):
        time.sleep(max(0, self._t0 + moment - time.monotonic()))
        act()

    def _deadline(self):
        return time.monotonic() + self.patience

    def _campaign(self, campaign):
        if campaign.end:
            end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=campaign.end)
            self.ends[campaign.name] = end.timestamp()
            self.scene.set_end(campaign.name, end)
        self._verb(campaign.name, "StartCampaign")
        hold, paused, stands_since = None, 0.0, 0.0
        for moment, deed in campaign.deeds:
            time.sleep(max(0, self._t0 + moment - time.monotonic()))
            if deed in ("pause", "cancel"):
                hold = self._hold(campaign.name, f"{deed.capitalize()}Campaign")
                paused, stands_since = moment, time.monotonic()
            elif deed == "resume":
                # However late the reply came, it stands as long as planned.
                time.sleep(max(0, stands_since + moment - paused - time.monotonic()))
                if hold:
                    hold.until = time.time()
                self._verb(campaign.name, "ResumeCampaign")
            elif deed == "retry":
                self._verb(campaign.name, "RetryFailed")

    def _order(self, order):
        """Whatever it changed is changed back, answered or not."""
        self.say(f"{order.verb} {order.target} {order.value or ''}")
        if order.verb == "resolve":
            self._ask(order, "ResolveUnknown",
                      lambda: self.scene.resolve(order.target, "RESEND", self._deadline()))
        elif order.verb == "stop":
            done = self._ask(order, "PauseSending",
                             lambda: self.scene.sending(order.target, "PauseSending", self._deadline()))
            stop = Stop(order.target, _numbers_of(order.target), done[2]) if done else None
            if stop:
                with self._lock:
                    self.stops.append(stop)
                time.sleep(order.seconds)
                stop.until = time.time()
            self._ask(order, "ResumeSending",
                      lambda: self.scene.sending(order.target, "ResumeSending", self._deadline()))
        else:
            self._change(order, order.value)
            time.sleep(order.seconds)
            self._change(order, order.back)

    def _change(self, order, value):
        """Not answered: in force or not, for as long as nobody says otherwise."""
        of_number = order.verb == "throughput"
        call = self.scene.set_throughput if of_number else self.scene.set_limit
        asked = time.time()
        done = self._ask(order, "UpdateSender" if of_number else "UpdatePortfolio",
                         lambda: call(order.target, value, self._deadline()))
        with self._lock:
            self.changes.append(Change(order.target, asked, done[2] if done else float("inf"), value))

    def _ask(self, order, verb, call):
        """(answer, when first asked, when answered); None: it was refused, or nobody answered."""
        try:
            done = call()
        except Refused as e:
            self.say(f"{verb} {order.target}: {e}")
            return None
        except grpc.RpcError as e:
            self._trouble(f"{verb} {order.target} got no answer within {self.patience} s: {e.code().name}")
            return None
        self.say(f"{verb} {order.target}, answered after {done[2] - done[1]:.1f} s")
        with self._lock:
            self.ordered[verb] += 1
        return done

    def _hold(self, name, verb):
        done = self._verb(name, verb)
        if done is None:
            return None
        hold = Hold(name, done[2])
        with self._lock:
            self.holds.append(hold)
        return hold

    def _verb(self, name, verb):
        """None: it was refused (the campaign is over, say), which promises nothing."""
        try:
            done = self.scene.verb(name, verb, self._deadline())
            self.say(f"{verb} {name}, answered after {done[2] - done[1]:.1f} s")
            return done
        except Refused as e:
            self.say(f"{verb} {name}: {e}")
            return None
        except grpc.RpcError as e:
            self._trouble(f"{verb} {name} got no answer within {self.patience} s: {e.code().name}")
            return None

    def _trouble(self, text):
        self.say(text)
        with self._lock:
            self.troubles.append(text)

    def publish(self, sender):
        with self._lock:
            number = self._events
            self._events += 1
        phone = self.scene.event_people.phones[number]
        event = (f"evt-{number}", sender, phone)
        try:
            self.scene.publish(sender, event[0], phone, self._deadline())
        except (grpc.RpcError, Refused) as e:
            self._trouble(f"event {event[0]}: {e}")
            with self._lock:
                self.in_doubt.append(event)
            return
        with self._lock:
            self.published.append(event)

    # -- to rest ----------------------------------------------------------------------------------
    def come_to_rest(self):
        """Faults off, everything up; until nothing moves any more. What still moves, in words."""
        self.disturber.quieten()
        self._faults_off()
        self.scene.stack.wait_serving(60)
        for campaign in self.scene.plan.campaigns:
            self._verb(campaign.name, "ResumeCampaign")  # what was paused for good by an error
        quiet, moving, nudged, told = 0, "", 0.0, 0.0
        # As long as it gets on, however slowly on a busy machine, it is waited for.
        done, deadline, last = None, self._deadline(), time.monotonic() + LONGEST_REST
        while time.monotonic() < min(deadline, last):
            looked = time.monotonic()
            try:
                moving = self._moving()
                now = self.scene.stage.query(_DONE)
                if now != done:
                    done, deadline = now, self._deadline()
            except (grpc.RpcError, OSError) as e:
                moving = f"not to be asked: {e}"
            # Twice: the last answer recorded may be news to those asked before it.
            quiet = quiet + 1 if not moving else 0
            if quiet == 2:
                return ""
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.say(f"still moving: {', '.join(moving.splitlines())}")
            if moving.startswith(("UNKNOWN", "campaign")) and time.monotonic() - nudged > 2:
                nudged = time.monotonic()
                try:
                    self._nudge()
                except (grpc.RpcError, OSError) as e:
                    self.say(f"not to be decided now: {e}")
            # The looks read whole tables: they are not to be what everything waits for.
            time.sleep(max(0.2, 5 * (time.monotonic() - looked)))
        return moving

    def _faults_off(self):
        """The simulator resets this connection as any other, as long as its faults are on."""
        for tries in range(20):
            try:
                self.scene.stage.sim("scenario", plans.FAULTS_OFF)
                return
            except OSError:
                if tries == 19:
                    raise

    def _nudge(self):
        """A later send of the number is the evidence on which what is UNKNOWN is settled."""
        waiting = self.scene.stage.query(
            "SELECT DISTINCT u.sender_id FROM dispatcher.unknowns u JOIN dispatcher.lanes l"
            " ON l.id = u.lane_id WHERE l.state IN (1, 2)").split()
        for name, sender in self.scene.senders.items():
            if sender in waiting and name in EVENT_TYPES:
                self.publish(name)
        # Of these a person decides: held ones, and those that were UNKNOWN so often that they have no
        # try left.
        left = self.scene.stage.query(
            "SELECT DISTINCT m.lane_id FROM dispatcher.messages m JOIN dispatcher.lanes l"
            " ON l.id = m.lane_id WHERE m.state = 7 AND l.state = 5").split()
        for campaign in self.scene.plan.campaigns:
            if campaign.hold or self.scene.get(campaign.name).run_id in left:
                self._ask(plans.Order(0, "resolve", campaign.name), "ResolveUnknown", lambda c=campaign:
                          self.scene.resolve(c.name, "FAILED", self._deadline()))

    def _moving(self):
        stage = self.scene.stage
        counts = stage.query(_MOVING) or stage.unquiet()
        if counts:
            return counts
        for campaign in self.scene.plan.campaigns:
            now = self.scene.get(campaign.name)
            state = type(now).DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[now.state].name
            if state not in ENDED:
                return f"campaign {campaign.name} is {state} {now.state_reason}"
        return ""


def _numbers_of(target):
    return {number_id(name) for name, sender in plans.SENDERS.items()
            if target in ("all", name, sender.outlet)}


# Grows with whatever gets done: a message that reaches an end, an event that is counted.
_DONE = """
SELECT (SELECT count(*) FROM dispatcher.messages WHERE state NOT IN (1, 2, 7)) +
  (SELECT COALESCE(sum(number), 0) FROM (SELECT number FROM analytics.event_positions UNION ALL
   SELECT number FROM campaigns.event_positions UNION ALL SELECT number FROM contacts.event_positions
   UNION ALL SELECT number FROM triggers.event_positions) p WHERE NOT EXISTS
    (SELECT FROM dispatcher.messages WHERE state IN (1, 2)))
"""
_MOVING = """
SELECT CASE state WHEN 1 THEN 'QUEUED' WHEN 2 THEN 'SENDING' END || ' in lane ' || lane_id || ': ' || count(*)
  FROM dispatcher.messages WHERE state IN (1, 2) GROUP BY state, lane_id
UNION ALL SELECT 'UNKNOWN in lane ' || m.lane_id || ': ' || count(*) FROM dispatcher.messages m
  JOIN dispatcher.lanes l ON l.id = m.lane_id WHERE m.state = 7 AND l.state IN (1, 2) GROUP BY m.lane_id
UNION ALL SELECT 'steps that wait: ' || count(*) FROM triggers.steps WHERE state = 1 HAVING count(*) > 0
ORDER BY 1 DESC
"""
