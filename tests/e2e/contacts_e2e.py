"""Who is who: contacts that a webhook shows to be one person become one; one person is erased."""

import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.request

from kabarstack.settings import SERVICES
from stage import BIN, People, StageTest, eventually


class Contacts(StageTest):
    def webhook(self, message, contact, number="2020000"):
        """One inbound message as the provider tells it, of the outlet's first number."""
        body = json.dumps({"object": "whatsapp_business_account", "entry": [{
            "id": "102000", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "628111000000", "phone_number_id": number},
                "contacts": [contact],
                "messages": [{"id": self.stage.unique("wamid.in"),
                              "timestamp": str(int(time.time())), **message}]}}]}]}).encode()
        secret = self.stage.stack.settings["app_secret"].encode()
        request = urllib.request.Request(
            f"http://{self.stage.stack.address('gateway')}/webhooks/whatsapp", data=body,
            headers={"Content-Type": "application/json", "X-Hub-Signature-256":
                     "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.status, 200)

    def writes(self, text, bsuid, phone=""):
        contact = {"profile": {"name": "Pelanggan"}, "user_id": bsuid}
        message = {"type": "text", "text": {"body": text}, "from_user_id": bsuid}
        if phone:
            contact["wa_id"] = message["from"] = phone.lstrip("+")
        self.webhook(message, contact)

    def find(self, **by):
        pb = self.a.pb.contacts
        return self.a.contacts.ResolveContacts(
            pb.ResolveContactsRequest(contacts=[pb.Contact(**by)])).contacts[0]

    def test_a_hidden_customer_who_shows_his_phone_is_one_contact_and_keeps_his_opt_out(self):
        people = People(3)
        self.stage.load(self.a, people)
        self.stage.sender(self.a)
        phone, bsuid = people.phones[1], "ID.4711"
        imported = self.find(phone=phone).id
        self.writes("STOP", bsuid)
        eventually("he is a contact", lambda: self.find(bsuid=bsuid).id)
        hidden = self.find(bsuid=bsuid).id
        self.assertNotEqual(hidden, imported)
        self.writes("halo", bsuid, phone)
        eventually("the two are one", lambda: self.find(bsuid=bsuid).id == imported)
        self.stage.settle()
        pb = self.a.pb.contacts
        self.assertEqual(self.a.contacts.GetContact(pb.GetContactRequest(id=hidden)).id, imported)
        merges = self.a.contacts.ListMerges(pb.ListMergesRequest(contact_id=imported)).merges
        self.assertEqual([(m.merged_id, m.reason, m.by) for m in merges], [(hidden, "inbound", "")])

        # What he said as somebody hidden holds for the parcels of the imported contact.
        run = self.stage.campaign(self.a, people).start().wait_ended()
        self.assertEqual((run.stats().suppressed, run.stats().reached_sent), (1, 2))

        self.a.contacts.UndoMerge(pb.UndoMergeRequest(merge_id=merges[0].id))
        self.assertEqual(self.find(bsuid=bsuid).id, hidden)
        self.assertEqual(self.find(phone=phone).id, imported)

    def test_a_changed_number_moves_the_contact(self):
        people = People(1)
        self.stage.load(self.a, people)
        self.stage.sender(self.a)
        old, new = people.phones[0], "+6285799900001"
        contact = self.find(phone=old)
        self.webhook({"from": old.lstrip("+"), "type": "system", "system": {
            "body": "Pelanggan changed", "type": "user_changed_number", "wa_id": new.lstrip("+"),
            "user_id": "ID.4712"}}, {"profile": {"name": "Pelanggan"}, "wa_id": old.lstrip("+")})
        eventually("the number has moved", lambda: self.find(phone=new).id == contact.id)
        self.stage.settle()
        run = self.stage.campaign(self.a, people).start().wait_ended()
        self.assertEqual([line["to"].lstrip("+") for line in self.stage.record([new])],
                         [new.lstrip("+")], run.describe())

    # -- the personal-data law -------------------------------------------------------------------
    def kabarctl(self, *words, role="viewer"):
        done = subprocess.run([os.path.join(BIN, "kabarctl"), *words], capture_output=True,
                              text=True, timeout=120, check=False, env={
                                  "PATH": os.environ["PATH"],
                                  "KABAR_API_KEY": self.stage.stack.settings["keys"][f"toko-a-{role}"],
                                  **{f"KABAR_{s.upper()}_ADDRESS": self.stage.stack.address(s)
                                     for s in SERVICES}})
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_everything_that_is_known_of_a_person_is_told(self):
        people = People(2)
        run = self.stage.send(self.a, people).wait_ended()
        pb = self.a.pb.triggers
        self.a.triggers.PublishEvent(pb.PublishEventRequest(event=pb.BusinessEvent(
            id=self.stage.unique("evt"), type=pb.ORDER_PAID, phone=people.phones[0], name="Siti",
            variables={"productname": "Sepatu Lari", "documentnumber": "INV-7"})))
        self.stage.customer_writes(people.phones[0], "YA, sudah sampai")
        self.stage.customer_writes(people.phones[1], "TIDAK")
        self.stage.settle()
        me = self.find(phone=people.phones[0])
        eventually("the answer is read", lambda: self.stage.query(
            "SELECT count(*) FROM triggers.answers WHERE recorded_at IS NULL") == "0")
        told = json.loads(self.kabarctl("contacts", "personal-data", me.id, "--reason", "permintaan",
                                        role="operator"))
        self.assertEqual([e["variables"]["productname"] for e in told["events"]], ["Sepatu Lari"])
        self.assertEqual([a["text"] for a in told["answers"]], ["YA, sudah sampai"])
        self.assertEqual([m["text"] for m in told["messages"]],
                         [m.text for m in run.messages() if m.contact_id == me.id])
        self.assertIn(people.phones[0], json.dumps(told["contacts"]))
        self.assertNotIn(people.phones[1], json.dumps(told))

    def traces(self, *words):
        """Where the whole database still names somebody: as text, or as bytes."""
        found = []
        tables = self.stage.query(
            "SELECT string_agg(format('%I.%I', table_schema, table_name), ' ') FROM "
            "information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN "
            "('pg_catalog', 'information_schema')").split()
        # What goes by its age: webhooks as they came, answers kept for repeated requests.
        aging = {f"{schema}.{table}" for schema in SERVICES
                 for table in ("webhook_journal", "request_log")}
        for table in set(tables) - aging:
            for word in words:
                text = f"t::text LIKE '%{word}%' OR t::text LIKE '%{word.encode().hex()}%'"
                if int(self.stage.query(f"SELECT count(*) FROM {table} t WHERE {text}")):
                    found.append((table, word))
        return found

    def erase(self, contact):
        pb = self.a.pb.contacts
        self.a.contacts.EraseContact(
            pb.EraseContactRequest(id=contact, reason="letter of today", request_id="req-" + contact))

    def test_an_erased_person_is_named_nowhere_and_the_counts_stay(self):
        people = People(4)
        name = "Wulandari Kusumaningrum"
        people.rows[2]["nama"] = name
        self.stage.load(self.a, people)
        self.stage.sender(self.a)
        phone, digits = people.phones[2], people.phones[2].lstrip("+")
        contact = self.find(phone=phone).id
        run = self.stage.campaign(self.a, people).start().wait_ended()
        self.stage.customer_writes(phone, f"saya {name}, jangan kirim lagi", name=name)
        self.stage.customer_writes(phone, "STOP", name=name)
        pb = self.a.pb.contacts
        eventually("his opt-out is known", lambda: self.a.contacts.ListConsents(
            pb.ListConsentsRequest(contact_id=contact)).consents)
        self.stage.settle()
        before = run.stats()
        self.assertNotEqual(self.traces(digits, name), [], "there is nothing to erase")

        # Triggers is away meanwhile: what it holds goes when it is back.
        self.stage.stack.parts["triggers"].stop()
        for _ in range(2):
            self.erase(contact)
        eventually("the dispatcher has forgotten him", lambda: not int(self.stage.query(
            f"SELECT count(*) FROM dispatcher.messages WHERE phone = '{phone}'")))
        self.stage.stack.parts["triggers"].start()
        self.stage.stack.wait_serving()
        self.stage.settle()
        # The second pass over the ledger, which comes ten minutes after the first.
        eventually("the first pass is done", lambda: self.stage.query(
            "SELECT string_agg(passes::text, ' ') FROM dispatcher.erasures") == "1")
        self.stage.query("UPDATE dispatcher.erasures SET due_at = now()")
        # Events are trimmed once everybody has read them.
        eventually("he is named nowhere", lambda: not self.traces(digits, name), seconds=120,
                   every=1)

        after = run.stats()
        self.assertEqual((after.reached_sent, after.delivered, after.suppressed),
                         (before.reached_sent, before.delivered, before.suppressed))
        self.kabarctl("verify", run.id)
        # The next file brings him back; nothing is written to him.
        self.stage.load(self.a, people)
        again = self.stage.campaign(self.a, people).start().wait_ended()
        self.assertEqual((again.stats().suppressed, again.stats().reached_sent), (1, 3))
