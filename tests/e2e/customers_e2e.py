"""What customers do: STOP, windows that open, answers; and webhooks that are not theirs."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request

from kabarstack import morning_file
from stage import People, StageTest, eventually


class Customers(StageTest):
    stage_options = {"scenario": {
        "statuses": {"sent_ms": [10, 60], "delivered_ms": [20, 100], "read": 0}}}

    def contact(self, client, phone):
        pb = client.pb.contacts
        found = client.contacts.ResolveContacts(
            pb.ResolveContactsRequest(contacts=[pb.Contact(phone=phone)])).contacts
        return found[0].id

    def consents(self, client, phone):
        pb = client.pb.contacts
        return client.contacts.ListConsents(
            pb.ListConsentsRequest(contact_id=self.contact(client, phone))).consents

    def opted_out(self, client, phone):
        pb = client.pb.contacts
        changes = self.consents(client, phone)
        return bool(changes) and changes[0].state == pb.OPTED_OUT

    def by_phone(self, run):
        from kabar.events.v1 import events_pb2  # generated when the stage started
        people = {self.contact(run.client, p): p for p in run.phones}
        return {people[m.contact_id]: (events_pb2.MessageState.Name(m.state), m.reason)
                for m in run.messages()}

    # -- opt-out ---------------------------------------------------------------------------------
    def test_stop_before_a_run_suppresses_here_and_not_at_the_other_outlet(self):
        people = People(10)
        self.stage.load(self.a, people)
        self.stage.load(self.b, people)
        stopped, talkative = people.phones[0], people.phones[1]
        self.stage.sender(self.a)
        self.stage.sender(self.b)
        self.stage.customer_writes(stopped, "STOP", name="Pelanggan")
        self.stage.customer_writes(talkative, "stop di depan gang ya")  # meant for the courier
        eventually("the opt-out is known", lambda: self.opted_out(self.a, stopped))
        self.stage.settle()
        self.assertFalse(self.opted_out(self.a, talkative))
        self.assertEqual(list(self.consents(self.b, stopped)), [])

        run = self.stage.campaign(self.a, people).start().wait_ended()
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["state"]["suppressed"], figures["reached"]["sent"]), (1, 9), figures)
        self.assertEqual(self.by_phone(run)[stopped], ("SUPPRESSED", "OPTED_OUT"))
        self.assert_once_each(run, people.phones[1:])

        # The same person at the other outlet, which he has not written to.
        sent_by_a = run.sent()
        other = self.stage.campaign(self.b, people).start().wait_ended()
        self.assertEqual(other.stats().reached_sent, 10)
        self.assertEqual(other.sent() - sent_by_a, 10)

    def test_stop_during_a_run_takes_back_what_is_queued(self):
        people = People(80)
        run = self.stage.send(self.a, people, rate="600/min")
        run.wait_sent(5)
        # The last of the audience, already in the ledger with their texts.
        eventually("all are in the ledger", lambda: run.get().expanded == 80)
        last = sorted(run.messages(), key=lambda m: m.ordinal)[-3:]
        phone_of = {self.contact(self.a, p): p for p in people.phones}
        stopped = [phone_of[m.contact_id] for m in last]
        for phone in stopped:
            self.stage.customer_writes(phone, "Berhenti!")
        for phone in stopped:
            eventually("the opt-out is known", lambda p=phone: self.opted_out(self.a, p))
        self.assertLess(run.sent(), 70, "the run was over before they wrote")
        run.wait_ended()
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["state"]["suppressed"], figures["reached"]["sent"]), (3, 77), figures)
        self.assert_once_each(run, [p for p in people.phones if p not in stopped])

    def test_an_operator_s_opt_out_is_respected_too(self):
        people = People(5)
        self.stage.load(self.a, people)
        pb = self.a.pb.contacts
        self.a.contacts.SetConsent(pb.SetConsentRequest(consent=pb.Consent(
            contact_id=self.contact(self.a, people.phones[2]), purpose=pb.DELIVERY_UPDATES,
            state=pb.OPTED_OUT, source="operator")))
        run = self.stage.campaign(self.a, people).start().wait_ended()
        self.assertEqual(run.stats().suppressed, 1)
        self.assert_once_each(run, [p for p in people.phones if p != people.phones[2]])

    # -- the 24-hour window ----------------------------------------------------------------------
    def test_open_window_free_text_closed_template_form_neither_a_reason(self):
        people = People(4, status_pengiriman="In Transit", alasan_keterlambatan="", estimasi_baru="")
        people.rows[1]["status_pengiriman"] = people.rows[3]["status_pengiriman"] = "Delivered"
        self.stage.load(self.a, people)
        self.stage.sender(self.a)
        # Free text in both branches, a provider template in one of them only.
        template = self.stage.template(self.a, (
            '{{#if status_pengiriman == "Delivered"}}{{provider "paket_terkirim" "id" nama no_resi lokasi}}'
            "Bebas: {{no_resi}} sudah sampai 🎉{{else}}Bebas: {{no_resi}} di jalan\nsabar ya{{/if}}"))
        in_transit_open, delivered_open, in_transit_closed, delivered_closed = people.phones
        for phone in (in_transit_open, delivered_open):
            self.stage.customer_writes(phone, "Halo kak")
        self.stage.settle()
        run = self.stage.campaign(self.a, people, template=template).start().wait_ended()
        rows = dict(zip(people.phones, people.rows))
        got = {"+" + line["to"].lstrip("+"): (line["kind"], line["body"]) for line in run.record()}
        self.assertEqual(got, {
            in_transit_open: ("text", f"Bebas: {rows[in_transit_open]['no_resi']} di jalan\nsabar ya"),
            delivered_open: ("text", f"Bebas: {rows[delivered_open]['no_resi']} sudah sampai 🎉"),
            delivered_closed: ("template", morning_file.expected_text(rows[delivered_closed])),
        })
        self.assertEqual(self.by_phone(run)[in_transit_closed], ("FAILED", "WINDOW_CLOSED_NO_TEMPLATE"))
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["failed_by_reason"], {"WINDOW_CLOSED_NO_TEMPLATE": 1}, figures)
        self.assertEqual(self.stage.refused(people.phones), [], "it was refused before anything was sent")

    def test_a_window_that_redis_alone_holds_open_is_closed(self):
        """The ledger has the last word: no free text, and a place of the 24 hours is counted."""
        people = People(2, status_pengiriman="Delivered", alasan_keterlambatan="", estimasi_baru="")
        people.rows[1]["status_pengiriman"] = "In Transit"
        self.stage.load(self.a, people)
        sender = self.stage.sender(self.a)
        template = self.stage.template(self.a, (
            '{{#if status_pengiriman == "Delivered"}}{{provider "paket_terkirim" "id" nama no_resi lokasi}}'
            "Bebas: {{no_resi}} sudah sampai{{else}}Bebas: {{no_resi}} di jalan{{/if}}"))
        with_template, without = people.phones
        pb = self.a.pb.dispatcher
        portfolio = self.a.dispatcher.GetSender(pb.GetSenderRequest(id=sender)).portfolio_id
        windows, places = f"kabar:{{{portfolio}}}:win:{sender}", f"kabar:{{{portfolio}}}:uniq"

        def size(key):
            return int(self.stage.stack.redis.command("ZCARD", key))

        self.stage.settle()
        open_before, counted_before = size(windows), size(places)
        for phone in people.phones:
            self.stage.customer_writes(phone, "Halo kak")
        self.stage.settle()
        eventually("both windows are open in Redis", lambda: size(windows) == open_before + 2)
        # As when the provider said so and Redis did not hear of it.
        self.stage.query(f"DELETE FROM dispatcher.windows WHERE sender_id = '{sender}'")
        run = self.stage.campaign(self.a, people, template=template).start().wait_ended()
        got = {"+" + line["to"].lstrip("+"): (line["kind"], line["body"]) for line in run.record()}
        self.assertEqual(got, {with_template: ("template", morning_file.expected_text(people.rows[0]))})
        self.assertEqual(self.by_phone(run)[without], ("FAILED", "WINDOW_CLOSED_NO_TEMPLATE"))
        self.assert_adds_up(run)
        self.assertEqual(self.stage.refused(people.phones), [])
        self.assertEqual(size(windows), open_before, "the windows stand open in Redis")
        self.assertEqual(size(places), counted_before + 1, "the template was not counted")

    # -- answers ---------------------------------------------------------------------------------
    def test_answers_are_matched_to_their_message_and_counted(self):
        people = People(5)
        run = self.stage.send(self.a, people).wait_ended()
        last = {"context": "last"}
        self.stage.customer_writes(people.phones[0], "YA kak, ada di rumah", **last)
        self.stage.customer_writes(people.phones[1], "Ya")  # no context: his newest message
        self.stage.customer_writes(people.phones[2], "TIDAK", type="button", payload="TIDAK", **last)
        self.stage.customer_writes(people.phones[3], "kapan sampainya?", **last)
        pb = self.a.pb.triggers

        def answers():
            return self.a.triggers.ListAnswers(pb.ListAnswersRequest(run_id=run.get().run_id)).answers

        eventually("four answers are matched", lambda: len(answers()) == 4)
        self.stage.settle()
        stats = run.stats()
        told = sorted((pb.Answer.Name(a.answer), a.text) for a in answers())
        self.assertEqual((stats.answers_yes, stats.answers_no, stats.answers_other), (1, 1, 2)
                         if ("OTHER", "YA kak, ada di rumah") in told else (2, 1, 1), told)
        by_contact = {a.contact_id: a.message_id for a in answers()}
        for message in run.messages():
            if message.contact_id in by_contact:
                self.assertEqual(by_contact[message.contact_id], message.id)

    # -- signatures ------------------------------------------------------------------------------
    def post(self, body, signature):
        request = urllib.request.Request(
            f"http://{self.stage.stack.address('gateway')}/webhooks/whatsapp", data=body,
            headers={"Content-Type": "application/json"})
        if signature is not None:
            request.add_header("X-Hub-Signature-256", signature)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    def test_a_webhook_with_a_wrong_signature_is_refused_and_changes_nothing(self):
        run = self.stage.send(self.a, People(1)).wait_ended()
        line = run.record()[0]
        self.assertEqual(run.stats().delivered, 1)
        body = json.dumps({"object": "whatsapp_business_account", "entry": [{
            "id": "102000", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "628111000000", "phone_number_id": "2020000"},
                "statuses": [{"id": line["id"], "status": "read", "timestamp": str(int(time.time())),
                              "recipient_id": line["to"].lstrip("+"),
                              "biz_opaque_callback_data": line["callback"]}]}}]}]}).encode()

        def signed(secret, data):
            return "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()

        secret = self.stage.stack.settings["app_secret"]
        journal = "SELECT sum(size) FROM dispatcher.webhook_journal"
        before = self.stage.query(journal)
        for wrong in (None, "", "sha256=", "sha256=" + "0" * 64, signed("another secret", body),
                      signed(secret, body + b" "), signed(secret, body)[7:]):
            self.assertEqual(self.post(body, wrong), 403, f"signature {wrong!r}")
        self.assertEqual(self.post(body.replace(b"read", b"sent"), signed(secret, body)), 403)
        self.stage.settle()
        self.assertEqual(self.stage.query(journal), before)
        self.assertEqual((run.stats().delivered, run.stats().read), (1, 0))
        # The same bytes, signed rightly, are believed.
        self.assertEqual(self.post(body, signed(secret, body)), 200)
        eventually("it is READ", lambda: run.stats().read == 1)

    def test_the_subscription_needs_the_verify_token(self):
        url = f"http://{self.stage.stack.address('gateway')}/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=4711"
        token = self.stage.stack.settings["verify_token"]
        with urllib.request.urlopen(f"{url}&hub.verify_token={token}", timeout=10) as answer:
            self.assertEqual(answer.read(), b"4711")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}&hub.verify_token=wrong", timeout=10)
        self.assertEqual(caught.exception.code, 403)
