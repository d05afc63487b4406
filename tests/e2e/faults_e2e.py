"""The provider at its worst: accepted and then silent, closed, reset or 502. Nobody twice; such
messages are UNKNOWN until their webhook, or evidence, settles them."""

from stage import SHORT_WINDOWS, People, StageTest, eventually

AFTER_ACCEPTING = ["close_after_accept", "bad_gateway_after_accept", "reset_after_accept",
                   "timeout_after_accept"]


class Faults(StageTest):
    stage_options = {"options": SHORT_WINDOWS}

    def setUp(self):
        self.addCleanup(self.stage.play)

    def test_accepted_without_an_answer_nobody_twice(self):
        people = People(600)
        self.stage.play(faults=[
            {"do": "close_after_accept", "probability": 0.1, "only_reused": True},
            *({"do": kind, "probability": 0.03} for kind in AFTER_ACCEPTING)])
        run = self.stage.send(self.a, people, rate="3000/min").wait_ended()
        played = self.stage.sim("summary")["faults"]
        for kind in AFTER_ACCEPTING:
            self.assertGreater(played.get(kind, 0), 0, f"{kind} was not played: {played}")
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["reached"]["sent"], figures["state"]["unknown"]), (600, 0), figures)
        self.assertEqual(len(self.stage.starts(run.phones)), 600)

    def test_unknown_stands_until_the_late_webhook_settles_it(self):
        people = People(40)
        late = people.digits(3, 17)
        # The statuses of all come late, so that there is neither word nor evidence for a while.
        self.stage.play(statuses={"sent_ms": 4000, "delivered_ms": 50, "read_ms": 50},
                        faults=[{"do": "close_after_accept", "recipients": late}])
        run = self.stage.send(self.a, people)
        seen = {}

        def both_unknown():
            seen.update((m.id, m.reason) for m in run.messages(state=self.state("UNKNOWN")))
            return len(seen) == 2

        eventually("the two are UNKNOWN", both_unknown, 20)
        self.assertEqual(set(seen.values()), {"NO_ANSWER"})
        run.wait_ended()
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["reached"]["sent"], figures["state"]["unknown"]), (40, 0), figures)

    def test_what_never_arrived_is_sent_again_on_evidence_only(self):
        people = People(400)
        lost = people.digits(*range(0, 10))
        # Ten requests reach nobody; nothing tells so. Statuses of later sends are the evidence.
        self.stage.play(faults=[{"do": "close_before_accept", "recipients": lost, "first_attempts": 1}])
        run = self.stage.send(self.a, people, rate="1500/min")
        eventually("some are UNKNOWN", lambda: run.stats().unknown > 0, 20)
        run.wait_ended(90)
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 400, figures)
        # Ten requests that reached nobody, and one that did for each of all.
        self.assertEqual(len(self.stage.refused(people.phones)), 10)

    def test_hold_leaves_unknown_messages_to_a_person(self):
        people = People(60)
        lost = people.digits(0, 1)
        self.stage.play(faults=[{"do": "close_before_accept", "recipients": lost, "first_attempts": 1}])
        pb = self.a.pb.campaigns
        run = self.stage.send(self.a, people, unknown_policy=pb.HOLD)
        eventually("two are UNKNOWN, all others are out",
                   lambda: (run.stats().unknown, run.stats().reached_sent) == (2, 58))
        # Evidence, and far more time than the window: another run of the same number.
        other = self.stage.send(self.a, People(500), rate="3000/min").wait_ended()
        self.assert_once_each(other)
        self.assertEqual((run.stats().unknown, run.sent()), (2, 58))
        self.assertEqual(run.state, "RUNNING")
        run.cancel()

    def test_errors_that_pass_are_tried_again_and_final_ones_are_not(self):
        people = People(60)
        busy, gone = people.digits(*range(0, 10)), people.digits(*range(10, 20))
        self.stage.play(faults=[
            {"do": "error", "code": 131000, "recipients": busy, "first_attempts": 1},
            {"do": "error", "code": 131026, "recipients": gone}])
        run = self.stage.send(self.a, people).wait_ended()
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 50, figures)
        self.assertEqual(figures["failed_by_reason"], {"GRAPH_131026": 10}, figures)
        self.assert_once_each(run, people.phones[:10] + people.phones[20:])
        self.assertEqual(len(self.stage.refused(people.phones[:10])), 10)
        self.assertEqual(len(self.stage.refused(people.phones[10:20])), 10)

    def test_duplicate_late_and_reordered_webhooks_count_once(self):
        people = People(300)
        self.stage.play(statuses={**self.stage.scenario["statuses"], "duplicate": 0.3, "reorder": 0.3,
                                  "late": 0.1, "late_ms": [500, 3000], "missing": 0.05})
        run = self.stage.send(self.a, people).wait_ended()
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 300, figures)
        # The furthest status that the webhooks told, message by message.
        told = {}
        for line in run.record():
            told[line["told"]] = told.get(line["told"], 0) + 1
        self.assertEqual(figures["state"]["read"], told.get("read", 0), figures)
        self.assertEqual(figures["state"]["delivered"], told.get("delivered", 0), figures)

    def state(self, name):
        from kabar.events.v1 import events_pb2  # generated when the stage started
        return events_pb2.MessageState.Value(name)
