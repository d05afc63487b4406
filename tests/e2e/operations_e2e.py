"""What operators have: metrics that are true, pauses above campaigns, dead letters, the audit log."""

import re
import time
import urllib.request

from stage import People, StageTest, eventually, until

FIGURE = re.compile(r'^(kabar_\w+)(?:\{([^}]*)\})? ([-+.\deEinfa]+)$', re.M)


class Operations(StageTest):
    stage_options = {
        "workers": 2,
        "scenario": {"latency": {"kind": "uniform", "min_ms": 20, "max_ms": 400}},
    }

    # -- metrics ---------------------------------------------------------------------------------
    def scraped(self, process):
        url = f"http://{self.stage.stack.address(process + '-metrics')}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return {(name, labels): float(value)
                    for name, labels, value in FIGURE.findall(answer.read().decode())}

    def figure(self, name, labels=""):
        """A figure of the whole ledger: shown by one process. None: by none."""
        shown = [value for process in ("dispatcher", "worker-1", "worker-2")
                 for (n, l), value in self.scraped(process).items()
                 if n == f"kabar_dispatcher_{name}" and l == labels]
        self.assertLessEqual(len(shown), 1, f"{name} is shown by {len(shown)} processes")
        return shown[0] if shown else None

    def total(self, name, part=""):
        """A figure that each process has of its own, added up."""
        return sum(value for process in ("dispatcher", "worker-1", "worker-2")
                   for (n, l), value in self.scraped(process).items()
                   if n == f"kabar_dispatcher_{name}" and part in l)

    # -- pauses ----------------------------------------------------------------------------------
    def target(self, scope, target_id=""):
        pb = self.a.pb.dispatcher
        return pb.SendingTarget(scope=getattr(pb.SendingTarget, scope), id=target_id)

    def pause(self, target):
        pb = self.a.pb.dispatcher
        answer = self.a.dispatcher.PauseSending(pb.PauseSendingRequest(target=target, reason="test"))
        return answer, time.time()

    def resume(self, target):
        pb = self.a.pb.dispatcher
        return self.a.dispatcher.ResumeSending(pb.ResumeSendingRequest(target=target))

    def sending(self, target):
        pb = self.a.pb.dispatcher
        return self.a.dispatcher.GetSending(pb.GetSendingRequest(target=target))

    def test_a_paused_number_has_a_backlog_but_nothing_to_claim(self):
        people, sender = People(60), self.stage.sender(self.a)
        target, of_sender = self.target("SENDER", sender), f'sender="{sender}"'
        accepted = self.total("attempts_total", 'outcome="ACCEPTED"')
        self.pause(target)
        run = self.stage.send(self.a, people)
        eventually("the backlog is shown",
                   lambda: self.figure("backlog_messages", of_sender) == 60)
        self.assertEqual(self.figure("claimable_messages", of_sender), 0)
        self.assertEqual(self.figure("lanes", 'state="HELD"'), 1)
        self.assertEqual(self.figure("oldest_due_seconds"), 0)
        eventually("the campaign says why it waits",
                   lambda: "was paused by toko-a-owner (test)" in run.get().state_reason)
        self.assertEqual((run.state, run.sent()), ("RUNNING", 0))

        self.resume(target)
        run.wait_ended()
        self.assert_once_each(run)
        eventually("the backlog is gone",
                   lambda: self.figure("backlog_messages", of_sender) == 0)
        self.assertEqual(self.figure("lanes", 'state="HELD"'), 0)
        self.assertGreater(self.figure("throttle_use_ratio", of_sender), 0)
        self.assertLessEqual(self.figure("throttle_use_ratio", of_sender), 1)
        for name in ("unknown_messages", "journal_waiting_webhooks", "outbox_unnumbered_batches"):
            eventually(f"{name} is 0", lambda n=name: self.figure(n) == 0)
        for consumer in ("analytics", "campaigns", "contacts", "triggers"):
            self.assertIsNotNone(self.figure("consumer_behind_batches", f'consumer="{consumer}"'))
        self.assertEqual(self.total("attempts_total", 'outcome="ACCEPTED"') - accepted, 60)
        self.assertGreaterEqual(self.total("request_duration_seconds_count"), 60)
        self.assertGreaterEqual(self.total("claim_to_start_seconds_count"), 60)
        self.assertEqual(self.total("waiting_outcomes"), 0)
        # Nothing but what missed its slot, on a busy machine, is tried again.
        self.assertEqual(self.total("retries_total"),
                         self.total("attempts_total", 'outcome="NOT_SENT"'))

    def test_an_outlet_drains_and_goes_on_where_it_was(self):
        people, target = People(400), self.target("OUTLET")
        run = self.stage.send(self.a, people, rate="3000/min")
        run.wait_sent(40)
        self.assertGreater(self.sending(target).in_flight, 0)
        answer, paused = self.pause(target)
        eventually("it is drained", lambda: self.sending(target).drained)
        self.assertEqual(self.sending(target).in_flight, 0)
        stood = run.sent()
        self.assertLess(stood, 400, "the run was over before it was paused")
        # What the campaign itself resumes stays under the outlet's pause.
        run.pause()
        run.resume()
        until(paused + 3)
        resumed = time.time()
        self.resume(target)
        late = [t for t in self.stage.starts(run.phones) if paused + 1 < t < resumed]
        self.assertEqual(late, [], f"{len(late)} requests started after the pause")
        run.wait_ended()
        self.assert_once_each(run)
        self.assert_adds_up(run)
        self.assertEqual(answer.pauses[0].reason, "test")

    # -- dead letters ----------------------------------------------------------------------------
    def test_a_letter_to_a_number_registered_later_is_applied_once(self):
        pb = self.a.pb.dispatcher
        self.stage.customer_writes("+628129999001", "halo", number=self.stage.number_id(self.a, 1))
        eventually("the letter is shown", lambda: self.figure("open_dead_letters") == 1)
        self.assertEqual(len(self.letters()), 0)
        self.stage.sender(self.a, 1)
        letter, = self.letters()
        self.assertEqual(letter.kind, "WEBHOOK_UNKNOWN_SENDER")
        for _ in range(2):
            self.a.dispatcher.RetryDeadLetter(pb.RetryDeadLetterRequest(
                id=letter.id, request_id="retry-once"))
        eventually("it is applied", lambda: self.a.dispatcher.GetDeadLetter(
            pb.GetDeadLetterRequest(id=letter.id)).state == pb.DeadLetter.APPLIED)
        self.assertEqual(self.letters(), [])
        eventually("the letter is gone", lambda: self.figure("open_dead_letters") == 0)
        self.assertEqual(self.stage.query("SELECT count(*) FROM dispatcher.inbound"), "1")

    def letters(self):
        request = self.a.pb.dispatcher.ListDeadLettersRequest()
        return list(self.a.dispatcher.ListDeadLetters(request).dead_letters)

    # -- audit -----------------------------------------------------------------------------------
    def test_what_operators_did_is_on_record_in_both_services(self):
        people = People(5)
        run = self.stage.send(self.a, people).wait_ended()
        lane = self.target("LANE", run.get().run_id)
        self.pause(lane)
        self.resume(lane)
        rows = self.stage.query(
            "SELECT string_agg(action || ':' || who, ' ' ORDER BY id) FROM dispatcher.audit_log"
            f" WHERE target = 'lane/{lane.id}'")
        self.assertEqual(rows, "PauseSending:toko-a-owner ResumeSending:toko-a-owner")
        rows = self.stage.query(
            "SELECT string_agg(action, ' ' ORDER BY id) FROM campaigns.audit_log"
            f" WHERE target = 'campaign/{run.id}' AND who = 'toko-a-owner'")
        self.assertEqual(rows, "CreateCampaign StartCampaign")
