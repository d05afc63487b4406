"""Messages with a picture and buttons, as free text and as provider template; a tap on YA is the
answer to its message, whatever WhatsApp says of the context."""

from stage import People, StageTest, eventually

FORM = "tanya_di_rumah"
MESSAGE = ('{{provider "' + FORM + '" "id" pelanggan=nama @link=documentnumber}}'
           "Halo {{nama}}, paket {documentnumber} jalan. Apakah Anda di rumah?")
COMPONENTS = [
    {"type": "HEADER", "format": "IMAGE"},
    {"type": "BODY", "text": "Halo {{pelanggan}}, apakah Anda di rumah?"},
    {"type": "FOOTER", "text": "Kurir Kita"},
    {"type": "BUTTONS", "buttons": [
        {"type": "URL", "text": "Lacak", "url": "https://t.id/{{1}}"},
        {"type": "QUICK_REPLY", "text": "YA"}, {"type": "QUICK_REPLY", "text": "TIDAK"}]}]


class Buttons(StageTest):
    stage_options = {"sim_setup": {"limits": {"pair_interval_s": 0.2}}}

    @classmethod
    def prepare(cls):
        cls.stage.sim("setup", {"wabas": [{
            "id": cls.stage.account_id(cls.a), "templates": [{
                "name": FORM, "language": "id", "category": "UTILITY", "parameter_format": "NAMED",
                "components": COMPONENTS}]}]})
        cls.sender = cls.stage.sender(cls.a, account_id=cls.stage.account_id(cls.a), pair_rate="10/s")
        pb = cls.a.pb.templates
        eventually("WhatsApp's template is known", lambda: cls.a.templates.SyncProviderTemplates(
            pb.SyncProviderTemplatesRequest()).templates > 0)
        wanted = pb.Template(code="tanya", message=MESSAGE, missing_data=pb.STRICT)
        wanted.parts.header_kind = wanted.parts.IMAGE
        wanted.parts.media_link = "https://t.id/{{documentnumber}}.png"
        wanted.parts.footer = "Kurir Kita"
        for title in ("YA", "TIDAK"):
            wanted.parts.buttons.add(title=title)
        cls.template = cls.a.templates.CreateTemplate(pb.CreateTemplateRequest(template=wanted))
        triggers = cls.a.pb.triggers
        cls.a.triggers.CreateAutomation(triggers.CreateAutomationRequest(
            automation=triggers.Automation(
                name="tanya", event_type=triggers.ORDER_PAID, template_id=cls.template.id,
                sender_id=cls.sender, enabled=True)))

    def publish(self, phone, number):
        """The message that the event brings; the customer's first, second, ..."""
        before = len(self.stage.record([phone]))
        pb = self.a.pb.triggers
        self.a.triggers.PublishEvent(pb.PublishEventRequest(event=pb.BusinessEvent(
            id=self.stage.unique("evt"), type=pb.ORDER_PAID, phone=phone, name="Budi Santoso",
            variables={"documentnumber": number, "productname": "Kopi"})))
        return eventually("the message", lambda: (
            self.stage.record([phone])[before:before + 1] or [None])[0], 30)

    def tap(self, phone, message, title, kind):
        """The customer taps a button, and WhatsApp does not say of which message it was."""
        button = next(b for b in message["buttons"] if b["title"] == title)
        self.stage.sim("inbound", {"phone": phone, "phone_number_id": self.stage.number_id(self.a),
                                   "type": kind, "payload": button["id"], "text": title})

    def answer(self, message):
        pb = self.a.pb.triggers
        wanted = message["callback"].rsplit(".", 1)[0]

        def recorded():
            found = self.a.triggers.ListAnswers(pb.ListAnswersRequest(page_size=100)).answers
            return next((a for a in found if a.message_id == wanted), None)

        return pb.Answer.Name(eventually("the answer is recorded", recorded, 30).answer)

    def test_outside_the_window_whatsapps_template_goes_and_ya_belongs_to_it(self):
        phone = People(1).phones[0]
        older = self.publish(phone, "INV-1")
        self.assertEqual((older["kind"], older["template"]), ("template", FORM))
        self.assertEqual(older["body"], "Halo Budi Santoso, apakah Anda di rumah?")
        self.assertEqual(older["header"], "[image]https://t.id/INV-1.png")
        self.assertEqual([b["title"] for b in older["buttons"]], ["YA", "TIDAK"])
        self.publish(phone, "INV-1b")  # the newer one does not take the older one's answer
        self.stage.settle()
        self.tap(phone, older, "YA", "button")
        self.assertEqual(self.answer(older), "YES")

    def test_inside_the_window_the_text_goes_with_the_same_buttons(self):
        phone = People(1).phones[0]
        self.stage.customer_writes(phone, "Halo")
        self.stage.settle()
        sent = self.publish(phone, "INV-2")
        self.assertEqual(sent["kind"], "interactive")
        self.assertTrue(sent["body"].endswith(", paket INV-2 jalan. Apakah Anda di rumah?"), sent)
        self.assertEqual(sent["header"], "[image]https://t.id/INV-2.png")
        self.assertEqual(sent["footer"], "Kurir Kita")
        self.publish(phone, "INV-3")
        self.stage.settle()
        self.tap(phone, sent, "TIDAK", "interactive")
        self.assertEqual(self.answer(sent), "NO")
