"""The portfolio's messaging limit: campaigns stop at the reserve, triggers at the limit."""

from stage import People, StageTest, eventually
from triggers_e2e import MESSAGE

LIMIT, RESERVE = 30, 5


class Quota(StageTest):
    # The simulator refuses who is one too many within 24 h.
    stage_options = {"workers": 2, "sim_setup": {
        "limits": {"messaging_limit": LIMIT, "pair_interval_s": 0.2}}}

    def limit(self, limit, reserve):
        pb = self.a.pb.dispatcher
        self.stage.sim("setup", {"limits": {"messaging_limit": limit, "pair_interval_s": 0.2}})
        told = self.a.dispatcher.UpdatePortfolio(pb.UpdatePortfolioRequest(
            portfolio=pb.Portfolio(id=self.portfolio, messaging_limit=limit, trigger_reserve=reserve),
            update_mask={"paths": ["messaging_limit", "trigger_reserve"]}))
        self.assertEqual((told.messaging_limit, told.trigger_reserve), (limit, reserve))

    def publish(self, phone):
        pb = self.a.pb.triggers
        self.a.triggers.PublishEvent(pb.PublishEventRequest(event=pb.BusinessEvent(
            id=self.stage.unique("evt"), type=pb.ORDER_PAID, phone=phone, name="Budi",
            variables={"documentnumber": "INV-1", "productname": "Kopi Gayo"})))

    def went(self):
        return {line["to"] for line in self.stage.record()}

    def assert_stays(self, run, count):
        """No more of the run than `count` go, though it says that it waits for the limit."""
        eventually("the run says why it waits", lambda: "limit" in run.get().state_reason, 60)
        self.assertEqual(run.sent(), count)

    def test_a_campaign_beyond_the_limit_leaves_the_reserve_to_triggers(self):
        pb = self.a.pb.triggers
        # Two numbers of one portfolio: they share its limit.
        sender = self.stage.sender(self.a, 1)
        self.stage.sender(self.a, 0)
        self.portfolio = self.a.dispatcher.ListPortfolios(
            self.a.pb.dispatcher.ListPortfoliosRequest()).portfolios[0].id
        self.limit(LIMIT, RESERVE)
        self.a.triggers.CreateAutomation(pb.CreateAutomationRequest(automation=pb.Automation(
            name="lunas", event_type=pb.ORDER_PAID, sender_id=sender, enabled=True,
            template_id=self.stage.template(self.a, MESSAGE, strict=True))))
        people, shoppers = People(2 * LIMIT), People(RESERVE + 3)
        run = self.stage.send(self.a, people)
        run.wait_sent(LIMIT - RESERVE)

        # Triggers go to the limit, at once; the next one waits.
        for phone in shoppers.phones[:RESERVE]:
            self.publish(phone)
        eventually("the reserve is used", lambda: len(self.went()) == LIMIT, 20)
        self.publish(shoppers.phones[RESERVE])
        # Who was written to already costs nothing.
        written_to = next(p for p in people.phones if p[1:] in self.went())
        self.publish(written_to)
        eventually("he gets another", lambda: len(self.stage.record([written_to])) == 2, 20)
        self.assert_stays(run, LIMIT - RESERVE + 1)
        # Nor does who wrote himself: his message waits no longer.
        waiting = next(p for p in people.phones if p[1:] not in self.went())
        self.stage.customer_writes(waiting, "Halo", number=self.stage.number_id(self.a))
        eventually("he who wrote gets his", lambda: self.stage.record([waiting]), 20)
        self.assertEqual(len(self.went()), LIMIT + 1)

        # A greater limit is in force at once: the campaign goes on until its own end of it.
        self.limit(LIMIT + 20, RESERVE)
        eventually("the rest up to the reserve", lambda: len(self.went()) >= LIMIT + 1 + 15, 20)
        eventually("the waiting trigger", lambda: self.stage.record(shoppers.phones[RESERVE:]), 20)
        eventually("the run waits again", lambda: "limit" in run.get().state_reason, 60)
        # Unique outside windows: all but the one who wrote.
        self.assertIn(len(self.went()) - 1, (LIMIT + 15, LIMIT + 16))
        self.assertEqual(self.stage.refused(), [], "the provider saw the limit exceeded")
        run.cancel()
