"""Two outlets on one installation: neither sees anything of the other. No key, no answer."""

import grpc

from stage import People, StageTest, eventually


class Outlets(StageTest):
    @classmethod
    def prepare(cls):
        cls.people = People(5)
        cls.run_a = cls.stage.send(cls.a, cls.people).wait_ended()
        cls.stage.sender(cls.b)

    def calls_by_id(self, c):
        """(name, call, request) of everything that names a thing of outlet A."""
        run = self.run_a.get()
        a, pb = self.a, self.a.pb
        contact = a.contacts.ResolveContacts(pb.contacts.ResolveContactsRequest(
            contacts=[pb.contacts.Contact(phone=self.people.phones[0])])).contacts[0].id
        message = self.run_a.messages()[0].id
        automation = a.triggers.CreateAutomation(pb.triggers.CreateAutomationRequest(
            automation=pb.triggers.Automation(name="milik A", event_type=pb.triggers.ORDER_PAID,
                                              template_id=self.stage.template(a, "Halo {{nama}}"),
                                              sender_id=run.sender_id))).id
        return [
            ("GetContact", c.contacts.GetContact, pb.contacts.GetContactRequest(id=contact)),
            ("UpdateContact", c.contacts.UpdateContact, pb.contacts.UpdateContactRequest(
                contact=pb.contacts.Contact(id=contact, name="Dicuri"), update_mask={"paths": ["name"]})),
            ("DeleteContact", c.contacts.DeleteContact, pb.contacts.DeleteContactRequest(id=contact)),
            ("ListConsents", c.contacts.ListConsents, pb.contacts.ListConsentsRequest(contact_id=contact)),
            ("SetConsent", c.contacts.SetConsent, pb.contacts.SetConsentRequest(
                consent=pb.contacts.Consent(contact_id=contact, purpose=pb.contacts.MARKETING,
                                            state=pb.contacts.OPTED_OUT))),
            ("GetShipment", c.contacts.GetShipment, pb.contacts.GetShipmentRequest(
                tracking_number=self.people.rows[0]["no_resi"])),
            ("GetSegment", c.contacts.GetSegment, pb.contacts.GetSegmentRequest(id=run.segment_id)),
            ("CountSegment", c.contacts.CountSegment,
             pb.contacts.CountSegmentRequest(segment_id=run.segment_id)),
            ("PreviewSegment", c.contacts.PreviewSegment,
             pb.contacts.PreviewSegmentRequest(segment_id=run.segment_id)),
            ("DeleteSegment", c.contacts.DeleteSegment, pb.contacts.DeleteSegmentRequest(id=run.segment_id)),
            ("ListAudience", c.contacts.ListAudience, pb.contacts.ListAudienceRequest(
                run_id=run.run_id, page_size=10, purpose=pb.contacts.DELIVERY_UPDATES)),
            ("GetTemplate", c.templates.GetTemplate, pb.templates.GetTemplateRequest(id=run.template_id)),
            ("UpdateTemplate", c.templates.UpdateTemplate, pb.templates.UpdateTemplateRequest(
                template=pb.templates.Template(id=run.template_id, message="Dicuri"),
                update_mask={"paths": ["message"]})),
            ("ArchiveTemplate", c.templates.ArchiveTemplate,
             pb.templates.ArchiveTemplateRequest(id=run.template_id)),
            ("PreviewTemplate", c.templates.PreviewTemplate,
             pb.templates.PreviewTemplateRequest(template_id=run.template_id)),
            ("GetCampaign", c.campaigns.GetCampaign, pb.campaigns.GetCampaignRequest(id=run.id)),
            ("CancelCampaign", c.campaigns.CancelCampaign, pb.campaigns.CancelCampaignRequest(id=run.id)),
            ("RetryFailed", c.campaigns.RetryFailed, pb.campaigns.RetryFailedRequest(id=run.id)),
            ("GetSender", c.dispatcher.GetSender, pb.dispatcher.GetSenderRequest(id=run.sender_id)),
            ("UpdateSender", c.dispatcher.UpdateSender, pb.dispatcher.UpdateSenderRequest(
                sender=pb.dispatcher.Sender(id=run.sender_id, throughput="1/s"),
                update_mask={"paths": ["throughput"]})),
            ("GetLane", c.dispatcher.GetLane, pb.dispatcher.GetLaneRequest(id=run.run_id)),
            ("GetMessage", c.dispatcher.GetMessage, pb.dispatcher.GetMessageRequest(id=message)),
            ("GetCampaignStats", c.analytics.GetCampaignStats,
             pb.analytics.GetCampaignStatsRequest(run_id=run.run_id)),
            ("GetAutomation", c.triggers.GetAutomation, pb.triggers.GetAutomationRequest(id=automation)),
            ("DeleteAutomation", c.triggers.DeleteAutomation,
             pb.triggers.DeleteAutomationRequest(id=automation)),
        ]

    def test_what_belongs_to_one_outlet_does_not_exist_for_the_other(self):
        for name, call, request in self.calls_by_id(self.b):
            with self.subTest(name):
                self.assert_refused("NOT_FOUND", None, call, request)

    def test_the_owner_himself_sees_all_of_it(self):
        """The calls above, from the other side: they are refused for the key's sake alone."""
        change = ("Delete", "Archive", "Cancel", "Set", "Update", "Retry")
        for name, call, request in self.calls_by_id(self.a):
            if not name.startswith(change):
                with self.subTest(name):
                    call(request)

    def lists(self, c):
        """name -> ids that the caller is shown."""
        pb = c.pb
        return {
            "contacts": [i.id for i in c.contacts.ListContacts(pb.contacts.ListContactsRequest()).contacts],
            "shipments": [i.id for i in c.contacts.ListShipments(
                pb.contacts.ListShipmentsRequest()).shipments],
            "segments": [i.id for i in c.contacts.ListSegments(pb.contacts.ListSegmentsRequest()).segments],
            "templates": [i.id for i in c.templates.ListTemplates(
                pb.templates.ListTemplatesRequest()).templates],
            "provider templates": [i.name for i in c.templates.ListProviderTemplates(
                pb.templates.ListProviderTemplatesRequest()).provider_templates],
            "campaigns": [i.id for i in c.campaigns.ListCampaigns(
                pb.campaigns.ListCampaignsRequest()).campaigns],
            "portfolios": [i.id for i in c.dispatcher.ListPortfolios(
                pb.dispatcher.ListPortfoliosRequest()).portfolios],
            "senders": [i.id for i in c.dispatcher.ListSenders(pb.dispatcher.ListSendersRequest()).senders],
            "automations": [i.id for i in c.triggers.ListAutomations(
                pb.triggers.ListAutomationsRequest()).automations],
            "steps": [i.id for i in c.triggers.ListDueSteps(pb.triggers.ListDueStepsRequest()).steps],
            "answers": [i.inbound_id for i in c.triggers.ListAnswers(
                pb.triggers.ListAnswersRequest()).answers],
        }

    def test_lists_show_the_caller_s_own_only(self):
        a, b, pb, run = self.a, self.b, self.a.pb, self.run_a.get()
        # One of everything at outlet A.
        a.templates.RegisterProviderTemplate(pb.templates.RegisterProviderTemplateRequest(
            provider_template=pb.templates.ProviderTemplate(
                name="milik_a", language="id", body="Halo {{1}}", category="UTILITY", status="APPROVED")))
        a.triggers.CreateAutomation(pb.triggers.CreateAutomationRequest(automation=pb.triggers.Automation(
            name="A", event_type=pb.triggers.ORDER_CREATED,
            template_id=self.stage.template(a, "Halo {{nama}}"), sender_id=run.sender_id, delay_seconds=3600, enabled=True)))
        a.triggers.PublishEvent(pb.triggers.PublishEventRequest(event=pb.triggers.BusinessEvent(
            id="e", type=pb.triggers.ORDER_CREATED, phone=self.people.phones[0])))
        self.stage.customer_writes(self.people.phones[1], "YA", context="last")
        eventually("the answer is recorded", lambda: self.lists(a)["answers"])

        of_a, of_b = self.lists(a), self.lists(b)
        for name, ids in of_a.items():
            with self.subTest(name):
                self.assertTrue(ids, "outlet A has none, so nothing is shown")
                self.assertEqual(set(ids) & set(of_b[name]), set())
        letters = b.dispatcher.ListDeadLetters(pb.dispatcher.ListDeadLettersRequest()).dead_letters
        self.assertEqual(len(letters), 0)
        count = b.contacts.CountSegment(pb.contacts.CountSegmentRequest(filter=self.people.filter))
        self.assertEqual((count.contacts, count.shipments), (0, 0))
        found = b.contacts.ResolveContacts(pb.contacts.ResolveContactsRequest(
            contacts=[pb.contacts.Contact(phone=self.people.phones[0])])).contacts
        self.assertEqual([c.id for c in found], [""])
        try:
            listed = b.dispatcher.ListMessages(pb.dispatcher.ListMessagesRequest(lane_id=run.run_id)).messages
            self.assertEqual(len(listed), 0)
        except grpc.RpcError as e:
            self.assertEqual(e.code().name, "NOT_FOUND")

    def test_a_campaign_cannot_use_what_the_other_outlet_owns(self):
        run, pb = self.run_a.get(), self.b.pb.campaigns
        own = {"name": "pinjam", "rate": "45/min", "template_id": self.stage.template(self.b),
               "segment_id": self.stage.segment(self.b, 'city = "x"'), "sender_id": self.stage.sender(self.b)}
        for field in ("template_id", "segment_id", "sender_id"):
            with self.subTest(field):
                self.assert_refused("INVALID_ARGUMENT", None, self.b.campaigns.CreateCampaign,
                                    pb.CreateCampaignRequest(campaign=pb.Campaign(
                                        **{**own, field: getattr(run, field)})))

    def test_no_key_or_a_wrong_key_gets_no_answer(self):
        pb = self.a.pb
        for key in ("", "wrong", self.stage.stack.settings["keys"]["toko-a-owner"] + "x"):
            c = self.stage.client_with(key)
            for call, request in (
                    (c.contacts.ListContacts, pb.contacts.ListContactsRequest()),
                    (c.templates.ListTemplates, pb.templates.ListTemplatesRequest()),
                    (c.campaigns.ListCampaigns, pb.campaigns.ListCampaignsRequest()),
                    (c.dispatcher.ListSenders, pb.dispatcher.ListSendersRequest()),
                    (c.triggers.ListAutomations, pb.triggers.ListAutomationsRequest()),
                    (c.analytics.GetCampaignStats,
                     pb.analytics.GetCampaignStatsRequest(run_id=self.run_a.get().run_id))):
                self.assert_refused("UNAUTHENTICATED", None, call, request)
        # Nothing at all instead of a wrong key.
        with grpc.insecure_channel(self.stage.stack.address("contacts")) as channel:
            call = channel.unary_unary("/kabar.contacts.v1.ContactsService/ListContacts")
            with self.assertRaises(grpc.RpcError) as caught:
                call(b"", timeout=10)
            self.assertEqual(caught.exception.code().name, "UNAUTHENTICATED")

    def test_a_viewer_reads_and_cannot_write_and_nobody_plays_a_service(self):
        viewer, pb = self.stage.client("toko-a-viewer"), self.a.pb
        run = self.run_a.get()
        self.assertEqual(viewer.campaigns.GetCampaign(pb.campaigns.GetCampaignRequest(id=run.id)).id, run.id)
        for call, request in (
                (viewer.contacts.CreateContact, pb.contacts.CreateContactRequest(
                    contact=pb.contacts.Contact(phone="+628111222333"))),
                (viewer.contacts.CreateSegment, pb.contacts.CreateSegmentRequest(
                    segment=pb.contacts.Segment(name="x", filter='city = "x"'))),
                (viewer.templates.CreateTemplate, pb.templates.CreateTemplateRequest(
                    template=pb.templates.Template(code="x", message="x"))),
                (viewer.campaigns.CancelCampaign, pb.campaigns.CancelCampaignRequest(id=run.id)),
                (viewer.dispatcher.CreatePortfolio, pb.dispatcher.CreatePortfolioRequest(
                    portfolio=pb.dispatcher.Portfolio(name="x"))),
                (viewer.triggers.PublishEvent, pb.triggers.PublishEventRequest(
                    event=pb.triggers.BusinessEvent(id="x", type=pb.triggers.ORDER_PAID, phone="0811222333")))):
            self.assert_refused("PERMISSION_DENIED", "ROLE_TOO_LOW", call, request)
        self.assert_refused("PERMISSION_DENIED", None, self.stage.load_csv, viewer, b"no_hp\n0811222333\n")
        self.assert_refused("PERMISSION_DENIED", None, self.a.dispatcher.AppendWebhooks,
                            pb.dispatcher.AppendWebhooksRequest())
        self.assert_refused("PERMISSION_DENIED", None, self.a.dispatcher.CancelLane,
                            pb.dispatcher.CancelLaneRequest(id=run.run_id))

    def test_the_access_token_never_comes_back_and_is_stored_sealed(self):
        pb = self.a.pb.dispatcher
        senders = self.a.dispatcher.ListSenders(pb.ListSendersRequest()).senders
        self.assertEqual([s.access_token for s in senders], [""] * len(senders))
        token = self.stage.stack.settings["access_tokens"]["toko-a"]
        dump = self.stage.query("SELECT s::text FROM dispatcher.senders s")
        self.assertNotIn(token, dump)
        self.assertNotIn(token.encode().hex(), dump)
        # Nor any personal data in Redis, nor phones or tokens in the logs.
        for name, part in self.stage.stack.parts.items():
            if name in ("postgres", "redis", "cloudsim"):
                continue
            with open(part.log_path, encoding="utf-8", errors="replace") as log:
                text = log.read()
            self.assertNotIn(token, text, f"the log of {name} holds an access token")
            for phone in self.people.phones:
                self.assertNotIn(phone[1:], text, f"the log of {name} holds a customer's phone")
