"""A template with all its branches, as customers read it; missing data, strict and lenient."""

from stage import People, StageTest

MESSAGE = (
    "Halo {{nama}}! 🙏\n"
    '{{#if status_pengiriman == "Delivered"}}'
    "Paket {no_resi} diterima{{#if lokasi != \"\"}} di {{lokasi}}{{/if}}."
    '{{else if status_pengiriman == "Delayed" and (alasan_keterlambatan or estimasi_baru)}}'
    "Tertunda{{#if alasan_keterlambatan}}: {{alasan_keterlambatan}}{{else}} tanpa alasan{{/if}}. "
    'Baru: {{estimasi_baru | "menyusul"}}.'
    '{{else if not layanan == "COD" and not estimasi}}'
    "{{\"{tanpa}\"}} kabar."
    "{{else}}"
    '{{status_pengiriman}} {{#if layanan == "COD"}}(siapkan uang) {{/if}}tiba {{estimasi | "segera"}}'
    "{{/if}}")


class Templates(StageTest):
    def people(self, *cells):
        people = People(len(cells), alasan_keterlambatan="", estimasi_baru="", layanan="reguler",
                        estimasi="2 hari", lokasi="Gudang Bandung", status_pengiriman="In Transit")
        for row, own in zip(people.rows, cells):
            row.update(own)
        return people

    def send_free_text(self, people, template):
        """To customers whose windows are open, so that the text itself goes out."""
        self.stage.load(self.a, people)
        self.stage.sender(self.a)
        for phone in people.phones:
            self.stage.customer_writes(phone, "Halo, paket saya?")
        self.stage.settle()
        return self.stage.campaign(self.a, people, template=template).start().wait_ended()

    def bodies(self, run):
        got = {"+" + line["to"].lstrip("+"): line["body"] for line in run.record()}
        return [got.get(phone) for phone in run.phones]

    def test_every_branch_gives_its_text_byte_for_byte(self):
        people = self.people(
            {"status_pengiriman": "Delivered"},
            {"status_pengiriman": "Delivered", "lokasi": ""},
            {"status_pengiriman": "Delayed", "alasan_keterlambatan": "Hujan", "estimasi_baru": "besok"},
            {"status_pengiriman": "Delayed", "alasan_keterlambatan": "Banjir"},
            {"status_pengiriman": "Delayed", "estimasi_baru": "lusa"},
            {"status_pengiriman": "Delayed"},
            {"estimasi": ""},
            {"estimasi": "", "layanan": "COD"},
            {"layanan": "COD"},
            {"status_pengiriman": "delivered"})
        run = self.send_free_text(people, self.stage.template(self.a, MESSAGE, strict=True))
        rows = people.rows
        expected = [
            f"Paket {rows[0]['no_resi']} diterima di Gudang Bandung.",
            f"Paket {rows[1]['no_resi']} diterima.",
            "Tertunda: Hujan. Baru: besok.",
            "Tertunda: Banjir. Baru: menyusul.",
            "Tertunda tanpa alasan. Baru: lusa.",
            "Delayed tiba 2 hari",
            "{tanpa} kabar.",
            "In Transit (siapkan uang) tiba segera",
            "In Transit (siapkan uang) tiba 2 hari",
            "delivered tiba 2 hari",
        ]
        self.assertEqual(self.bodies(run),
                         [f"Halo {row['nama']}! 🙏\n{text}" for row, text in zip(rows, expected)])
        self.assert_once_each(run)

    def test_missing_data_strict_fails_before_sending_and_lenient_prints_a_dash(self):
        cells = [{}, {"estimasi": ""}, {"estimasi": "", "status_pengiriman": "Delivered"}, {"lokasi": ""}]
        message = ('{{#if status_pengiriman == "Delivered"}}Sampai.{{else}}'
                   "Tiba {{estimasi}} dari {{lokasi | \"gudang\"}}{{/if}}")
        strict = self.send_free_text(self.people(*cells), self.stage.template(self.a, message, strict=True))
        self.assertEqual(self.bodies(strict), ["Tiba 2 hari dari Gudang Bandung", None, "Sampai.",
                                               "Tiba 2 hari dari gudang"])
        figures = self.assert_adds_up(strict)
        self.assertEqual(figures["failed_by_reason"], {"MISSING_VARIABLE": 1}, figures)
        self.assertEqual(len(self.stage.starts(strict.phones)), 3, "it was refused before anything was sent")

        lenient = self.send_free_text(self.people(*cells), self.stage.template(self.a, message))
        self.assertEqual(self.bodies(lenient), ["Tiba 2 hari dari Gudang Bandung",
                                                "Tiba - dari Gudang Bandung", "Sampai.",
                                                "Tiba 2 hari dari gudang"])

    def test_a_run_keeps_the_version_with_which_it_started(self):
        people = People(60)
        template = self.stage.template(self.a)
        run = self.stage.send(self.a, people, template=template, rate="600/min", batch_size=10)
        run.wait_sent(5)
        pb = self.a.pb.templates
        self.a.templates.UpdateTemplate(pb.UpdateTemplateRequest(
            template=pb.Template(id=template, message="Lain sekali {{nama}}"),
            update_mask={"paths": ["message"]}))
        run.wait_ended()
        self.assert_once_each(run)
        self.assertEqual(run.get().template_version, 1)
        self.assertFalse([b for b in self.bodies(run) if b.startswith("Lain")])

    def test_faults_are_named_with_line_and_column(self):
        pb = self.a.pb.templates
        checked = self.a.templates.ValidateTemplate(pb.ValidateTemplateRequest(
            message="Halo {{nama}}\n{{#if status}}tanpa akhir"))
        self.assertFalse(checked.valid)
        self.assertEqual([p.line for p in checked.problems if p.severity == pb.TemplateProblem.ERROR][:1], [2])
        self.assert_refused("INVALID_ARGUMENT", None, self.stage.template, self.a, "{{#if}}")
