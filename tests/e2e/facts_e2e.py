"""What keeps a customer out of marketing: told as a fact, seen by preflight and run, over when it is."""

from stage import People, StageTest

KEPT_OUT = ("COMPLAINT", "ESCALATION", "OVERDUE_COD", "OVERDUE_INVOICE")
REASONS = {"OPEN_COMPLAINT": 1, "OPEN_ESCALATION": 1, "OVERDUE_COD": 1, "OVERDUE_INVOICE": 1}


class Facts(StageTest):
    def tell(self, phone, kind, state="OPEN"):
        pb = self.a.pb.contacts
        found = self.a.contacts.ResolveContacts(pb.ResolveContactsRequest(
            contacts=[pb.Contact(phone=phone)])).contacts[0]
        self.a.contacts.RecordFact(pb.RecordFactRequest(fact=pb.Fact(
            contact_id=found.id, kind=getattr(pb, kind), source="cs", reference=f"{kind}-{phone}",
            state=getattr(pb.Fact, state))))

    def switch_off(self, *kinds):
        pb = self.a.pb.contacts
        self.a.contacts.UpdateMarketingSuppressions(pb.UpdateMarketingSuppressionsRequest(
            switched_off=[getattr(pb, kind) for kind in kinds]))

    def send(self, people, purpose):
        """Who got a message, by his place among the people, and why the others did not."""
        pb = self.a.pb.campaigns
        before = len(self.stage.record(people.phones))
        run = self.stage.campaign(self.a, people, purpose=getattr(self.a.pb.contacts, purpose))
        foreseen = {}
        for part in self.a.campaigns.PreflightCampaign(pb.PreflightCampaignRequest(id=run.id)):
            if part.HasField("summary"):
                foreseen = {r.reason: r.messages for r in part.summary.reasons}
        run.start().wait_ended()
        told = {line["to"].lstrip("+") for line in self.stage.record(people.phones)[before:]}
        reasons = {}
        for message in run.messages():
            if message.reason:
                reasons[message.reason] = reasons.get(message.reason, 0) + 1
        self.assertEqual(reasons, foreseen)
        return [n for n, phone in enumerate(people.phones) if phone[1:] in told], reasons

    def test_open_facts_keep_marketing_away_and_nothing_else(self):
        people = People(6)
        self.stage.load(self.a, people)
        for n, kind in enumerate(KEPT_OUT):
            self.tell(people.phones[n], kind)
        self.tell(people.phones[4], "ORDER")  # keeps nobody out
        self.assertEqual(self.send(people, "MARKETING"), ([4, 5], REASONS))
        self.assertEqual(self.send(people, "DELIVERY_UPDATES"), (list(range(6)), {}))
        # Closed, or switched off by the owner, it keeps nobody out any more.
        self.tell(people.phones[0], "COMPLAINT", "CLOSED")
        self.switch_off("OVERDUE_COD")
        try:
            self.assertEqual(self.send(people, "MARKETING"),
                             ([0, 2, 4, 5], {"OPEN_ESCALATION": 1, "OVERDUE_INVOICE": 1}))
        finally:
            self.switch_off()
