"""What WhatsApp does to its templates reaches the outlets before it refuses their messages."""

from stage import People, StageTest, eventually

ASK = '{{provider "tanya_pagi" "id" nama=nama resi=no_resi}}Halo {{nama}}, paket {no_resi} jalan.'


class ProviderTemplates(StageTest):
    def setUp(self):
        super().setUp()
        self.pb = self.a.pb.templates
        pb = self.a.pb.dispatcher
        self.a.dispatcher.UpdateSender(pb.UpdateSenderRequest(
            sender=pb.Sender(id=self.stage.sender(self.a), account_id=self.stage.account_id(self.a)),
            update_mask={"paths": ["account_id"]}))

    def known(self, name):
        listed = self.a.templates.ListProviderTemplates(
            self.pb.ListProviderTemplatesRequest(page_size=100)).provider_templates
        return next((one for one in listed if one.name == name), None)

    def submit(self, name, body, *samples):
        return self.a.templates.SubmitProviderTemplate(self.pb.SubmitProviderTemplateRequest(
            provider_template=self.pb.ProviderTemplate(name=name, language="id", category="UTILITY",
                                                       body=body), samples=samples))

    def change(self, name, **what):
        self.stage.sim("template", {"waba_id": self.stage.account_id(self.a), "name": name, **what})

    def accept(self, name):
        self.a.templates.AcceptProviderTemplate(
            self.pb.AcceptProviderTemplateRequest(name=name, language="id"))

    def test_submitted_sent_stopped_under_way_and_resumed(self):
        made = self.submit("tanya_pagi", "Halo {{nama}}, paket {{resi}} jalan.", "Budi", "JP1")
        self.assertEqual(made.account_id, self.stage.account_id(self.a))
        self.a.templates.SyncProviderTemplates(self.pb.SyncProviderTemplatesRequest())
        self.assertEqual(self.known("tanya_pagi").status, "APPROVED")
        self.assertEqual(list(self.known("tanya_pagi").parameter_names), ["nama", "resi"])

        people = People(300)  # more than are handed over ahead
        run = self.stage.send(self.a, people, rate="240/min", batch_size=10,
                              template=self.stage.template(self.a, ASK, strict=True))
        run.wait_sent(5)
        # WhatsApp would go on to take it, at another price.
        self.change("tanya_pagi", category="MARKETING")
        eventually("the campaign is paused", lambda: run.state == "PAUSED", 30)
        reason = run.get().state_reason
        self.assertTrue(reason.startswith("PROVIDER_TEMPLATE_RECATEGORISED"), reason)
        self.assertIn("tanya_pagi", reason)
        self.assertLess(run.sent(), 300)
        self.assertEqual(self.stage.refused(people.phones), [])
        self.assert_refused("FAILED_PRECONDITION", "PROVIDER_TEMPLATE_RECATEGORISED", run.resume)
        self.assertEqual(run.state, "PAUSED")

        run.resume(accept_troubles=True)
        self.assertEqual(self.known("tanya_pagi").agreed_category, "MARKETING")
        run.wait_ended(180)
        self.assert_once_each(run)
        self.assertEqual({m.reason for m in run.messages()}, {""})
        got = {line["to"].lstrip("+"): line["body"] for line in run.record()}
        self.assertEqual(got[people.phones[0][1:]],
                         f"Halo {people.rows[0]['nama']}, paket {people.rows[0]['no_resi']} jalan.")

    def test_what_whatsapp_pauses_is_known_with_its_words(self):
        self.submit("kabar_sepi", "Halo {{1}}.", "Budi")
        self.a.templates.SyncProviderTemplates(self.pb.SyncProviderTemplatesRequest())
        self.change("kabar_sepi", status="PAUSED", reason="low quality")
        eventually("the pause is known",
                   lambda: self.known("kabar_sepi").trouble == "PROVIDER_TEMPLATE_PAUSED", 30)
        self.assertIn("low quality", self.known("kabar_sepi").trouble_text)
        self.change("kabar_sepi", status="APPROVED")
        eventually("its end too", lambda: not self.known("kabar_sepi").trouble, 30)

    def test_another_category_is_sent_only_when_accepted(self):
        self.submit("kabar_murah", "Halo {{1}}.", "Budi")
        self.a.templates.SyncProviderTemplates(self.pb.SyncProviderTemplatesRequest())
        template = self.stage.template(
            self.a, '{{provider "kabar_murah" "id" nama}}Halo {{nama}}.', strict=True)
        self.change("kabar_murah", category="MARKETING")
        eventually("the change is known",
                   lambda: self.known("kabar_murah").trouble == "PROVIDER_TEMPLATE_RECATEGORISED", 30)
        people = People(3)
        self.stage.load(self.a, people)
        run = self.stage.campaign(self.a, people, template=template)
        told = list(self.a.campaigns.PreflightCampaign(
            self.a.pb.campaigns.PreflightCampaignRequest(id=run.id)))[-1].summary
        self.assertEqual({r.reason: r.messages for r in told.reasons},
                         {"PROVIDER_TEMPLATE_RECATEGORISED": 3})
        self.accept("kabar_murah")
        told = list(self.a.campaigns.PreflightCampaign(
            self.a.pb.campaigns.PreflightCampaignRequest(id=run.id)))[-1].summary
        self.assertEqual(told.to_send, 3)
        run.start().wait_ended()
        self.assertEqual(run.sent(), 3)
