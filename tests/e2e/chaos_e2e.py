"""tools/chaos in its short form, and its judge with made-up facts: it must see each fault."""

import os
import random
import sys
import types
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests", "chaos"))

import facts  # noqa: E402
import judge  # noqa: E402
import plan  # noqa: E402
import run  # noqa: E402

SECONDS = 60
NUMBER, LANE = "2020000", "run-1"


def line(message, attempt=1, at=100.0, told="read", to="6281", **more):
    return {"id": f"wamid-{message}-{attempt}", "callback": f"{message}.{attempt}", "told": told,
            "time_us": int(at * 1e6), "phone_number_id": NUMBER, "to": to, "kind": "template",
            "fault": "none", **more}


def changes(*states, attempt=1):
    return [(before, after, attempt, n + 1, "")
            for n, (before, after) in enumerate(zip(["", *states], states))]


class Judge(unittest.TestCase):
    """One message, sent once and read, is exact; every fault in it is seen."""

    def setUp(self):
        self.facts = facts.Facts(
            lanes={LANE: facts.Lane(LANE, "events of rate", 1, rows=1)},
            messages={"m": facts.Message("m", LANE, "read", 1, 5, "read", "", "+6281")},
            attempts={("m", 1): ("read", "wamid-m-1")},
            changes={"m": changes("queued", "sending", "sent", "delivered", "read")},
            accepted=[line("m")], refused=[], events={}, published=[], holds=[], stops=[], ends={},
            inbound=(0, 0, 0), limits=[("n", NUMBER, facts.phases((2, 1.0), [], 1))],
            pairs=[("n", NUMBER, 6.0)], portfolios=[("p", [NUMBER], facts.phases(3, [], 1))], wrong=[])

    def assert_found(self, kind, **figures):
        verdict = judge.judge(self.facts)
        self.assertIn(kind, {f.split(":", 1)[0] for f in verdict.findings}, verdict)
        for name, figure in figures.items():
            self.assertEqual(getattr(verdict, name), figure, verdict)

    def send_again(self, resent):
        self.facts.accepted = [line("m", 1, told=None), line("m", 2, at=110)]
        self.facts.attempts = {("m", 1): ("ambiguous", ""), ("m", 2): ("read", "wamid-m-2")}
        self.facts.changes["m"] = [
            ("", "queued", 0, 1, ""), ("queued", "sending", 1, 2, ""),
            ("sending", "unknown", 1, 3, "NO_ANSWER"),
            ("unknown", "queued", 1, 4, "RESEND" if resent else "NO_ANSWER"),
            ("queued", "sending", 2, 5, ""), ("sending", "read", 2, 6, "")]

    def test_exact(self):
        verdict = judge.judge(self.facts)
        self.assertEqual((verdict.findings, verdict.asked, verdict.sent_once), ([], 1, 1))

    def test_sent_twice_by_policy_is_no_fault(self):
        self.send_again(resent=True)
        verdict = judge.judge(self.facts)
        self.assertEqual((verdict.findings, verdict.doubled_by_policy, verdict.unknown), ([], 1, 1))

    def test_sent_twice_without_a_decision(self):
        self.send_again(resent=False)
        self.assert_found("doubled", doubled=1, sent_once=0)

    def test_the_same_attempt_twice(self):
        self.facts.accepted.append(line("m", at=110))
        self.assert_found("doubled", doubled=1)

    def test_sent_again_after_the_provider_failed_it_is_no_fault(self):
        self.facts.accepted = [line("m", 1, told="failed"), line("m", 2, at=110)]
        self.facts.attempts = {("m", 1): ("failed", ""), ("m", 2): ("read", "wamid-m-2")}
        self.assertEqual(judge.judge(self.facts).findings, [])

    def test_sent_says_the_ledger_and_nobody_got_it(self):
        self.facts.accepted = []
        self.assert_found("lost", lost=1)

    def test_queued_for_ever(self):
        self.facts.accepted, self.facts.messages["m"].state = [], "queued"
        self.facts.changes["m"] = changes("queued")
        self.assert_found("lost", lost=1)

    def test_a_status_that_moved_backwards(self):
        self.facts.messages["m"].state = "delivered"
        self.facts.attempts["m", 1] = ("delivered", "wamid-m-1")
        self.facts.changes["m"] = changes("queued", "sending", "sent", "delivered", "read", "delivered")
        self.assert_found("not adding up")

    def test_a_gap_in_the_events(self):
        del self.facts.changes["m"][2]
        self.assert_found("not adding up")

    def test_a_message_that_nobody_asked_for(self):
        self.facts.accepted.append(line("other", at=110, to="6282"))
        self.assert_found("not adding up")

    def test_fewer_than_asked_for(self):
        self.facts.lanes[LANE].asked = 2
        self.assert_found("not adding up")

    def test_an_event_without_a_message(self):
        self.facts.published = [("evt", "rate", "+6281")]
        self.assert_found("lost")

    def test_an_answer_that_was_counted_twice(self):
        self.facts.inbound = (1, 1, 2)
        self.assert_found("not adding up")

    def as_run(self):
        """Its lane as a campaign's run, with the figures that it must have."""
        told = dict.fromkeys(("queued", "sending", *judge.REACHED, *judge.NOT_SENT), 0)
        told.update(asked=1, not_expanded=0, read=1, reached_sent=1, reached_delivered=1,
                    reached_read=1)
        states = mock.Mock(values_by_number={5: mock.Mock()})
        states.values_by_number[5].name = "COMPLETED"
        campaign = mock.Mock(asked=1, not_expanded=0, state=5)
        type(campaign).DESCRIPTOR = mock.Mock(fields_by_name={"state": mock.Mock(enum_type=states)})
        lane = self.facts.lanes[LANE]
        lane.campaign, lane.progress = campaign, {"read": 1}
        lane.told = types.SimpleNamespace(**told)
        return lane

    def test_a_run_counted_twice(self):
        lane = self.as_run()
        self.assertEqual(judge.judge(self.facts).findings, [])
        lane.told.read = 2
        self.assert_found("not adding up")
        self.as_run().progress = {"read": 1, "queued": -1}
        self.assert_found("not adding up")

    def test_a_run_that_does_not_count(self):
        wanted = {"kills": ["worker", "redis"], "fail_points": ["gate-passed"], "ordered": ["UpdateSender"]}
        figures = {"kills": {"worker": 5, "redis": 5}, "fail_points": {"gate-passed": 1}, "unknown": 1,
                   "ordered": {"UpdateSender": 2},
                   "pressed": {f"{kind}{n}": used for kind in judge.PRESSED for n, used in ((1, 0.9), (2, 0))}}
        self.assertEqual(judge.unproven(figures, wanted), [])
        figures = {"kills": {"worker": 4}, "fail_points": {"gate-passed": 0}, "unknown": 0, "ordered": {},
                   "pressed": {f"{kind}1": 0.5 for kind in judge.PRESSED}}
        self.assertEqual(len(judge.unproven(figures, wanted)), 5 + len(judge.PRESSED))

    def test_each_limit(self):
        for at, kind in ((105.9, "pair"), (100.9, "throughput")):
            self.setUp()
            self.facts.refused = [line(f"x{n}", at=at + n / 100, to="6281" if kind == "pair" else f"628{n}")
                                  for n in range(2 if kind == "throughput" else 1)]
            self.assert_found("over limit")
        self.setUp()
        self.facts.portfolios = [("p", [NUMBER], facts.phases(1, [], 1))]
        self.facts.accepted.append(line("other", at=200, to="6282"))
        self.assert_found("over limit", over_limit=1)
        self.setUp()
        self.facts.lanes[LANE].rate = (1, 60.0)
        self.facts.refused = [line("m", 2, at=159.9, to="6282")]
        self.assert_found("over limit", over_limit=1)
        self.facts.refused = [line("m", 2, at=160.0, to="6282")]
        self.assertEqual(judge.judge(self.facts).over_limit, 0)

    def test_a_limit_that_was_changed(self):
        """From 2 to 1 in a second, asked at 100.2, in force at 101.4 at the latest, until 130."""
        changed = facts.phases((2, 1.0), [(100.2, 100.4, (1, 1.0)), (130.0, 130.1, (2, 1.0))], 1)
        for at, found in (((100.3, 101.1), 0), ((101.3, 101.5), 0), ((101.5, 101.9), 1),
                          ((129.9, 130.2), 0), ((140.0, 140.5), 0)):
            self.setUp()
            self.facts.limits = [("n", NUMBER, changed)]
            self.facts.refused = [line(f"x{t}", at=t, to=f"629{n}") for n, t in enumerate(at)]
            self.assertEqual(judge.judge(self.facts).over_limit, found, at)

    def test_a_messaging_limit_that_was_changed(self):
        """Two need two places: there are two from 130 on, or were two until 100.2."""
        raised, lowered = [(130.0, 130.1, 2)], [(100.2, 100.4, 1)]
        for first, changes, at, found in ((1, raised, 129.9, 1), (1, raised, 130.05, 0),
                                          (2, lowered, 140, 0)):
            self.setUp()
            self.facts.portfolios = [("p", [NUMBER], facts.phases(first, changes, 1))]
            self.facts.accepted += [line("other", at=at, to="6282"), line("m", 2, at=135)]
            self.assertEqual(judge.judge(self.facts).over_limit, found, at)

    def test_who_was_refused_first_has_his_place_since_then(self):
        self.facts.portfolios = [("p", [NUMBER], facts.phases(1, [(130.0, 130.1, 2)], 1))]
        self.facts.accepted.append(line("other", 2, at=140, to="6282"))
        self.assertEqual(judge.judge(self.facts).over_limit, 0)
        self.facts.refused = [line("other", at=100.1, told=None, to="6282")]
        self.assertEqual(judge.judge(self.facts).over_limit, 1)

    def test_a_start_of_a_number_that_was_stopped(self):
        self.facts.stops = [("n", {"another"}, 98.0, 101.0)]
        self.assertEqual(judge.judge(self.facts).findings, [])
        self.facts.stops = [("n", {NUMBER}, 98.9, 101.0)]
        self.assert_found("after pause", after_pause_max_ms=1100)

    def test_a_start_after_pause_and_after_the_end(self):
        self.facts.holds = [(LANE, 99.5, 101.0)]
        self.assertEqual(judge.judge(self.facts).after_pause_max_ms, 500)
        self.facts.holds = [(LANE, 98.9, 101.0)]
        self.assert_found("after pause", after_pause_max_ms=1100)
        self.facts.holds, self.facts.ends = [], {LANE: 99.0}
        self.assert_found("after end", after_end_max_ms=1000)
        self.facts.ends = {LANE: 99.9999}
        self.assert_found("after end")
        self.facts.ends = {LANE: 100.0}
        self.assertEqual(judge.judge(self.facts).findings, [])


class Chaos(unittest.TestCase):
    def test_exact_under_kills_suspensions_and_faults(self):
        seed = int(os.environ.get("KABAR_CHAOS_SEED") or random.SystemRandom().randrange(1, 1_000_000))
        print(f"\n   tools/chaos --seconds {SECONDS} --seed {seed} replays it", flush=True)
        said = []
        result = run.run(seed, SECONDS, *plan.size(SECONDS), 60, said.append)
        figures = result.figures
        if result.findings:
            print("\n".join(said))
            result.show()
        self.assertEqual(result.findings, [], f"seed {seed}")
        self.assertEqual((figures["doubled"], figures["lost"], figures["over_limit"]), (0, 0, 0))
        self.assertGreater(figures["unknown"], 0, "no request was ever in doubt: no proof of anything")
        self.assertGreaterEqual(figures["kills_total"], 10, figures["kills"])
