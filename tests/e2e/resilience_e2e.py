"""Numbers in trouble: too fast for a limit that nobody told, a provider that gives no answers, a pair
that writes too often. By the simulator's record: slowed and recovered, stopped and probed, waited."""

import time

from stage import SHORT_WINDOWS, People, StageTest, eventually, max_in_window

HIDDEN = 40  # a second, of the number's 1,000


class Resilience(StageTest):
    stage_options = {"workers": 2, "options": {
        "dispatcher": SHORT_WINDOWS["dispatcher"],
        "worker": [*SHORT_WINDOWS["worker"], "--circuit-cool-down=1s",
                   "--circuit-longest-cool-down=3s"]}}

    def setUp(self):
        self.addCleanup(self.stage.play)

    def health(self, number=0):
        pb = self.a.pb.dispatcher
        return self.a.dispatcher.GetSender(pb.GetSenderRequest(id=self.stage.sender(self.a, number))).health

    def limit(self, per_second):
        """What the provider allows number 0 from now on; ours goes on believing in 1,000/s."""
        self.stage.sim("setup", {"wabas": [{"id": self.waba(), "phone_numbers": [
            {"id": self.stage.number_id(self.a), "throughput": per_second}]}]})

    def waba(self):
        return self.stage.number_id(self.a)[:-1].replace("2020", "1020", 1)

    def test_a_number_finds_a_hidden_limit_and_recovers_when_it_is_lifted(self):
        people = People(1000)
        self.addCleanup(self.limit, 1000)
        self.limit(HIDDEN)
        run = self.stage.send(self.a, people, rate="6000/min")
        eventually("it is refused and slows down", lambda: 0 < self.health().speed < 1, 30)
        self.assertIn("recovers by itself", self.health().reason)
        run.wait_sent(450, 90)
        lifted = time.time()
        self.limit(1000)
        eventually("full speed again", lambda: self.health().speed == 1, 60)
        run.wait_ended(90)

        accepted = [line["time_us"] / 1e6 for line in run.record()]
        refused = [line["time_us"] / 1e6 for line in self.stage.refused(people.phones)]
        # The first seconds are the search. After them it stays near the limit without hammering.
        search = accepted[0] + 6
        under = [t for t in accepted if search <= t < lifted]
        beaten = [t for t in refused if search <= t < lifted]
        rate = len(under) / (lifted - search)
        self.assertLessEqual(max_in_window(under, 1), HIDDEN)
        self.assertGreaterEqual(rate, 0.4 * HIDDEN, f"{rate:.1f}/s of {HIDDEN}")
        self.assertLess(len(beaten), 0.5 * len(under), "it hammers at the limit")
        self.assertEqual([t for t in refused if t > lifted + 1], [])
        # Nothing lost, nothing doubled, and a refused speed costs no message its tries.
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 1000, figures)

    def test_a_number_without_answers_is_stopped_and_probed_and_delays_no_other(self):
        sick, well = People(300), People(300)
        self.stage.load(self.a, sick)
        self.stage.load(self.a, well)
        number = self.stage.number_id(self.a)
        # Neither accepted nor refused with a Graph code: nobody can tell what became of it.
        self.stage.play(faults=[{"do": "http", "status": 503, "phone_number_ids": [number]}])
        self.health()  # both senders are there
        self.health(1)
        runs = [self.stage.campaign(self.a, people, rate="1800/min", number=n)
                for n, people in enumerate((sick, well))]
        began = time.time()
        for run in runs:
            run.start()
        eventually("the circuit is open", lambda: self.health().circuit_open, 30)
        self.assertIn("one probe", self.health().reason)
        # The other number goes on at its rate: 300 at 30/s.
        runs[1].wait_sent(300, 40)
        self.assertLess(time.time() - began, 45)
        self.assertFalse(self.health(1).circuit_open)
        eventually("its campaign says why", lambda: "one probe" in runs[0].get().state_reason, 30)
        # Ten in a row, what was on the wire meanwhile, and a probe each one to three seconds: not the
        # 30 a second that the campaign asks for.
        tried = self.stage.refused(sick.phones)
        open_for = time.time() - began
        self.assertLess(len(tried), 25 + open_for, f"{len(tried)} in {open_for:.0f} s")
        self.assertGreater(len(tried), 10)
        self.assertEqual(runs[0].sent(), 0)

        self.stage.play()
        eventually("the circuit is closed", lambda: not self.health().circuit_open, 30)
        for run in runs:
            run.wait_ended(120)
            self.assert_once_each(run)
            figures = self.assert_adds_up(run)
            self.assertEqual((figures["reached"]["sent"], figures["state"]["unknown"]), (300, 0), figures)

    def test_a_pair_that_is_refused_waits_alone_longer_each_time(self):
        people = People(120)
        one = people.digits(5)
        self.stage.play(faults=[{"do": "error", "code": 131056, "recipients": one, "first_attempts": 2}])
        run = self.stage.send(self.a, people, rate="3000/min")
        run.wait_sent(119, 15)  # the others wait for nobody
        run.wait_ended(60)
        first, second, third = self.stage.starts([people.phones[5]])
        self.assertGreaterEqual(second - first, 4)
        self.assertGreaterEqual(third - second, 16)
        self.assert_once_each(run)
        self.assert_adds_up(run)
