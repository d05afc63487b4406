"""Pause, resume, cancel, expiry and retry-failed in the middle of a run: exact, by the simulator's
record, with two workers and slow answers."""

import datetime
import time

from stage import People, StageTest, eventually, until


class Control(StageTest):
    stage_options = {
        "workers": 2,
        "scenario": {"latency": {"kind": "uniform", "min_ms": 20, "max_ms": 400}},
    }

    def assert_no_start_between(self, run, first, last):
        late = [t for t in self.stage.starts(run.phones) if first < t < last]
        self.assertEqual(late, [], f"{len(late)} requests started {[round(t - first + 1, 3) for t in late[:5]]} "
                                   "s after the reply")

    def test_a_paused_campaign_stands_still_and_goes_on_where_it_was(self):
        people = People(600)
        run = self.stage.send(self.a, people, rate="3000/min")
        run.wait_sent(60)
        for _ in range(2):
            before = run.sent()
            paused = run.pause()
            self.assertEqual(run.state, "PAUSED")
            until(paused + 2.5)
            self.assertLess(run.sent(), 600, "the run was over before it was paused")
            resumed = time.time()
            run.resume()
            self.assert_no_start_between(run, paused + 1, resumed)
            eventually("it goes on", lambda: run.sent() > before + 60)
        run.wait_ended()
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 600, figures)

    def test_a_cancelled_campaign_stops_and_every_message_has_its_last_word(self):
        people = People(900)
        # 10/s: the run is 600 ahead at most, so that 300 are never handed over.
        run = self.stage.send(self.a, people, rate="600/min")
        run.wait_sent(20)
        cancelled = run.cancel()
        self.assertEqual(run.state, "CANCELLED")
        until(cancelled + 2)
        self.stage.settle()
        self.assert_no_start_between(run, cancelled + 1, time.time())
        figures = self.assert_adds_up(run)
        state = figures["state"]
        self.assertEqual(figures["asked"], 900, figures)
        self.assertGreater(state["cancelled"], 0, figures)
        self.assertGreater(state["not_expanded"], 0, figures)
        self.assertEqual(state["cancelled"] + state["not_expanded"] + figures["reached"]["sent"], 900, figures)
        self.assertEqual(run.get().not_expanded, state["not_expanded"], figures)
        self.assert_refused("FAILED_PRECONDITION", "WRONG_CAMPAIGN_STATE", run.resume)

    def test_nothing_is_sent_after_the_end_time(self):
        people = People(300)
        self.stage.load(self.a, people)
        now = datetime.datetime.now(datetime.timezone.utc)
        end = now + datetime.timedelta(seconds=8)
        run = self.stage.campaign(self.a, people, rate="600/min", start=now.isoformat(),
                                  end=end.isoformat())
        run.start()
        until(end.timestamp())
        run.wait_ended()
        late = [t for t in self.stage.starts(run.phones) if t > end.timestamp()]
        self.assertEqual(late, [])
        figures = self.assert_adds_up(run)
        self.assertGreater(figures["reached"]["sent"], 20, figures)
        self.assertEqual(figures["state"]["expired"] + figures["state"]["not_expanded"] +
                         figures["reached"]["sent"], 300, figures)

    def test_retry_failed_sends_again_to_those_who_failed_and_to_nobody_else(self):
        people = People(200)
        unlucky = [people.phones[n] for n in range(0, 200, 10)]
        # 131026 is final: no retry by itself. Each of them is refused twice.
        self.stage.play(faults=[{"do": "error", "code": 131026, "first_attempts": 2,
                                 "recipients": [p[1:] for p in unlucky]}])
        self.addCleanup(self.stage.play)
        run = self.stage.send(self.a, people, rate="6000/min").wait_ended()
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["failed_by_reason"], {"GRAPH_131026": 20}, figures)
        self.assertEqual(figures["reached"]["sent"], 180, figures)

        self.assertEqual(run.retry_failed(), 20)
        run.wait_ended()
        self.assertEqual(self.assert_adds_up(run)["state"]["failed"], 20)
        self.assertEqual(len(self.stage.refused(unlucky)), 40)

        self.assertEqual(run.retry_failed(), 20)
        run.wait_ended()
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["state"]["failed"], figures["reached"]["sent"]), (0, 200), figures)
        self.assertEqual(figures["failed_by_reason"], {}, figures)
        self.assert_once_each(run)
        self.assertEqual(len(self.stage.refused(run.phones)), 40)
        self.assertEqual(run.retry_failed(), 0)

    def test_a_start_missed_while_the_service_was_down_sends_nothing_after_its_end(self):
        people = People(20)
        self.stage.load(self.a, people)
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = (now + datetime.timedelta(seconds=s) for s in (3, 6))
        run = self.stage.campaign(self.a, people, start=start.isoformat(), end=end.isoformat()).schedule()
        self.assertEqual(run.state, "SCHEDULED")
        service = self.stage.stack.parts["campaigns"]
        self.assertTrue(service.stop(), "campaigns did not end by itself")
        until(end.timestamp())
        service.start()
        self.stage.stack.wait_serving()
        run.wait_ended(state="FAILED")
        self.assertIn("END_TIME_PASSED", run.get().state_reason)
        self.assertEqual(self.stage.starts(run.phones), [])

    def test_a_late_start_before_its_end_still_happens(self):
        people = People(20)
        self.stage.load(self.a, people)
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        run = self.stage.campaign(self.a, people, start=start.isoformat()).schedule()
        service = self.stage.stack.parts["campaigns"]
        self.assertTrue(service.stop(), "campaigns did not end by itself")
        until(start.timestamp() + 0.5)
        self.assertEqual(self.stage.starts(run.phones), [])
        service.start()
        self.stage.stack.wait_serving()
        run.wait_ended()
        self.assert_once_each(run)
        self.assertGreater(self.stage.starts(run.phones)[0], start.timestamp())
