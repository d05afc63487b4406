"""Order events become messages: the right text, once, after the delay, whatever is killed."""

import signal
import time

import grpc

from kabarstack import morning_file
from stage import People, StageTest, eventually

MESSAGE = ('{{provider "pesanan_baru" "id" nama documentnumber productname}}'
           "Halo {{nama}}, pesanan {{documentnumber}} untuk {{productname}} kami terima. Terima kasih!")


class Triggers(StageTest):
    # The pair limit has its own test (limits_e2e.py).
    stage_options = {"sim_setup": {"limits": {"pair_interval_s": 0.2}}}

    @classmethod
    def prepare(cls):
        cls.pb = cls.a.pb.triggers
        cls.sender = cls.stage.sender(cls.a, pair_rate="10/s")

    def automation(self, event_type, delay=0, message=MESSAGE):
        made = self.a.triggers.CreateAutomation(self.pb.CreateAutomationRequest(
            automation=self.pb.Automation(
                name=self.stage.unique("otomatis"), event_type=event_type,
                template_id=self.stage.template(self.a, message, strict=True), sender_id=self.sender,
                delay_seconds=delay, enabled=True)))
        self.addCleanup(lambda: self.a.triggers.DeleteAutomation(
            self.pb.DeleteAutomationRequest(id=made.id)))
        return made

    def publish(self, event_type, phone, event_id=None, client=None, **variables):
        client = client or self.a
        variables = {"documentnumber": "INV-1", "productname": "Kopi Gayo", **variables}
        return client.triggers.PublishEvent(self.pb.PublishEventRequest(event=self.pb.BusinessEvent(
            id=event_id or self.stage.unique("evt"), type=event_type, phone=phone, name="Budi Santoso",
            variables=variables)))

    def wait_record(self, phones, count, seconds=30):
        return eventually(f"{count} messages", lambda: (
            lambda r: r if len(r) >= count else None)(self.stage.record(phones)), seconds)

    def test_a_paid_order_brings_one_message_with_its_text_after_the_delay(self):
        phone = People(1).phones[0]
        self.automation(self.pb.ORDER_PAID, delay=3)
        published = time.time()
        first = self.publish(self.pb.ORDER_PAID, phone, "evt-paid-1")
        self.assertEqual((first.duplicate, first.steps), (False, 1))
        # The shop's own retry, and again with other words: the first one counts.
        for _ in range(2):
            again = self.publish(self.pb.ORDER_PAID, phone, "evt-paid-1", productname="Teh")
            self.assertTrue(again.duplicate)
        # An event without an automation of its type plans nothing.
        self.assertEqual(self.publish(self.pb.ORDER_RECEIVED, phone).steps, 0)
        record = self.wait_record([phone], 1)
        self.stage.settle()
        record = self.stage.record([phone])
        self.assertEqual([r["body"] for r in record], [
            "Halo Budi Santoso, pesanan INV-1 untuk Kopi Gayo kami terima. Terima kasih!"])
        sent = record[0]["time_us"] / 1e6
        self.assertGreaterEqual(sent, published + 3)
        self.assertLess(sent, published + 10)
        steps = self.a.triggers.ListDueSteps(self.pb.ListDueStepsRequest(event_id="evt-paid-1")).steps
        self.assertEqual([self.pb.DueStep.State.Name(s.state) for s in steps], ["HANDED_OVER"])

    def test_orders_stand_with_their_contact_though_no_automation_asks_for_them(self):
        phone = People(1).phones[0]

        def publish(event_type, **order):
            self.a.triggers.PublishEvent(self.pb.PublishEventRequest(event=self.pb.BusinessEvent(
                id=self.stage.unique("evt"), type=event_type, phone=phone, name="Budi Santoso", **order)))

        publish(self.pb.ORDER_CREATED, variables={"documentnumber": "SO-71"}, amount=250_000)
        publish(self.pb.ORDER_PAID, order_id="SO-71")
        publish(self.pb.ORDER_RECEIVED, variables={"documentnumber": "SO-71"})
        publish(self.pb.ORDER_CREATED, order_id="SO-72", amount=90_000)
        pb = self.a.pb.contacts
        both = 'orders.sum(amount, 30d) = 340000 AND orders.count((open = true)) = 1'

        def buyers():
            listed = self.a.contacts.ListContacts(pb.ListContactsRequest(filter=both, page_size=10))
            return [c for c in listed.contacts if c.phone == phone]

        buyer = eventually("both orders stand with him", buyers)[0]
        self.assertEqual(buyer.name, "Budi Santoso")
        facts = self.a.contacts.ListFacts(pb.ListFactsRequest(contact_id=buyer.id)).facts
        self.assertEqual([(f.reference, f.amount, pb.Fact.State.Name(f.state)) for f in facts],
                         [("SO-71", 250_000, "CLOSED"), ("SO-72", 90_000, "OPEN")])

    def test_nothing_is_lost_or_doubled_when_triggers_and_its_peers_are_killed(self):
        people = People(40)
        self.automation(self.pb.ORDER_CREATED, delay=2)
        killed = ["triggers", "templates", "dispatcher", "contacts", "worker-1", "triggers"]
        for n, phone in enumerate(people.phones):
            if n % 8 == 4:
                self.kill(killed.pop(0))
            event_id = f"evt-crash-{n}"
            # As a shop does it: again until it is answered.
            eventually("the event is taken", lambda e=event_id, p=phone: self.try_publish(e, p), 30)
        self.kill(killed.pop(0))
        self.wait_record(people.phones, 40, 60)
        self.stage.stack.wait_serving(30)
        self.stage.settle()
        record = self.stage.record(people.phones)
        self.assertEqual(len(record), 40)
        self.assertEqual(len({r["to"] for r in record}), 40)

    def try_publish(self, event_id, phone):
        try:
            self.publish(self.pb.ORDER_CREATED, phone, event_id)
            return True
        except grpc.RpcError as e:
            self.assertIn(e.code().name, ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"))
            return False

    def kill(self, name):
        part = self.stage.stack.parts[name]
        restarts = part.restarts
        part.signal(signal.SIGKILL)
        eventually(f"{name} starts again", lambda: part.restarts > restarts and part.running)

    def test_missing_data_is_a_reason_and_no_message(self):
        phone = People(1).phones[0]
        self.automation(self.pb.ORDER_DELIVERY)
        self.publish(self.pb.ORDER_DELIVERY, phone, "evt-missing", productname="")

        def step():
            found = self.a.triggers.ListDueSteps(self.pb.ListDueStepsRequest(event_id="evt-missing")).steps
            return found[0] if found and found[0].state != self.pb.DueStep.WAITING else None

        done = eventually("the step is done", step)
        self.stage.settle()
        self.assertEqual(self.stage.starts([phone]), [])
        if done.state == self.pb.DueStep.REFUSED:
            self.assertEqual(done.reason, "MISSING_VARIABLE")
        else:
            pb = self.a.pb.dispatcher
            message = self.a.dispatcher.GetMessage(pb.GetMessageRequest(id=done.message_id))
            self.assertEqual(message.reason, "MISSING_VARIABLE")

    def test_a_template_that_its_trigger_cannot_fill_is_refused_by_name(self):
        with self.assertRaises(grpc.RpcError) as refused:
            self.automation(self.pb.CONTACT_CREATED, message="Halo {{nama}}, {{productname}}")
        self.assertEqual(refused.exception.code().name, "INVALID_ARGUMENT")
        self.assertIn("productname", refused.exception.details())
        made = self.automation(self.pb.ORDER_PAID, message="Halo {{nama}}, {{productname}}")
        pb = self.a.pb.templates
        with self.assertRaises(grpc.RpcError) as refused:
            self.a.templates.UpdateTemplate(pb.UpdateTemplateRequest(
                template=pb.Template(id=made.template_id, message="Halo {{nama}}, poin {{poin}}")))
        self.assertIn("poin", refused.exception.details())

    def test_a_paused_form_stops_its_own_messages_only(self):
        phones = People(3).phones
        account = self.stage.account_id(self.a)

        def form(status):
            # Without a word by webhook: the dispatcher hears of it from the refusal.
            self.stage.sim("template", {"waba_id": account, "name": "pesanan_diterima",
                                        "status": status, "tell": False})

        def waiting():
            return self.stage.query("SELECT state || ' ' || reason FROM dispatcher.messages"
                                    f" WHERE phone = '{phones[0]}'")

        self.automation(self.pb.ORDER_RECEIVED, message=(
            '{{provider "pesanan_diterima" "id" nama documentnumber}}'
            "Halo {{nama}}, apakah pesanan {{documentnumber}} tiba? Balas YA atau TIDAK."))
        self.automation(self.pb.ORDER_PAID)
        form("PAUSED")
        try:
            self.publish(self.pb.ORDER_RECEIVED, phones[0])
            self.publish(self.pb.ORDER_PAID, phones[1])
            eventually("WhatsApp refuses the form", lambda: self.stage.refused([phones[0]]), 30)
            eventually("it waits", lambda: waiting() == "1 GRAPH_132015", 30)
            self.publish(self.pb.ORDER_PAID, phones[2])
            self.wait_record(phones[1:], 2)
            pb = self.a.pb.dispatcher
            lanes = self.a.dispatcher.ListLanes(pb.ListLanesRequest()).lanes
            self.assertEqual({l.state for l in lanes if l.priority == 0}, {1})  # RUNNING
            self.assertEqual(len(self.stage.refused([phones[0]])), 1)
        finally:
            form("APPROVED")
        # As if its five minutes were over.
        self.stage.query(f"UPDATE dispatcher.messages SET not_before = now() WHERE phone = '{phones[0]}'")
        self.wait_record([phones[0]], 1)
        self.stage.settle()
        self.assertEqual(len(self.stage.record([phones[0]])), 1)

    def test_an_answer_to_an_automatic_message_is_recorded(self):
        people = People(3)
        self.automation(self.pb.ORDER_RECEIVED, message=(
            '{{provider "pesanan_diterima" "id" nama documentnumber}}'
            "Halo {{nama}}, apakah pesanan {{documentnumber}} tiba dengan baik? Balas YA atau TIDAK."))
        for phone in people.phones:
            self.publish(self.pb.ORDER_RECEIVED, phone)
        self.wait_record(people.phones, 3)
        for phone, text in zip(people.phones, ("Ya", "Tidak", "Besok saya cek dulu")):
            self.stage.customer_writes(phone, text, context="last")

        def mine():
            answers = self.a.triggers.ListAnswers(self.pb.ListAnswersRequest(page_size=100)).answers
            return {a.text: self.pb.Answer.Name(a.answer) for a in answers if a.message_id}

        expected = {"Ya": "YES", "Tidak": "NO", "Besok saya cek dulu": "OTHER"}
        eventually("three answers are matched", lambda: expected.items() <= mine().items())

    def test_a_trigger_passes_a_big_campaign(self):
        people, phone = People(1500), People(1).phones[0]
        self.automation(self.pb.ORDER_FOLLOWUP_DELIVERY)
        run = self.stage.send(self.a, people, rate="6000/min")
        run.wait_sent(100)
        published = time.time()
        self.publish(self.pb.ORDER_FOLLOWUP_DELIVERY, phone)
        sent = self.wait_record([phone], 1)[0]["time_us"] / 1e6
        self.assertLess(run.sent(), 1400, "the campaign was over already")
        self.assertLess(sent - published, 3)
        run.cancel()

    def test_the_other_outlet_s_events_meet_its_own_automations_only(self):
        phone = People(1).phones[0]
        self.automation(self.pb.CONTACT_CREATED, message="Halo {{nama}}, selamat datang!")
        answer = self.publish(self.pb.CONTACT_CREATED, phone, client=self.b)
        self.assertEqual(answer.steps, 0)
        self.stage.settle()
        self.assertEqual(self.stage.record([phone]), [])
