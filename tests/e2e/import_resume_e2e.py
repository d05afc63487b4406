"""Imports that break off and go on, are cancelled, and files of other kinds, through kabarctl."""

import csv
import json
import os
import signal
import subprocess
import zipfile
from xml.sax.saxutils import escape

from kabarstack.settings import SERVICES
from stage import BIN, People, StageTest, eventually

KABARCTL = os.path.join(BIN, "kabarctl")
ROWS = 60_000


def workbook(path, rows):
    """An .xlsx as programs write it: texts in the cells, a second sheet behind."""
    def sheet(lines):
        cells = "".join("<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
                                          for cell in line) + "</row>" for line in lines)
        return f"<worksheet><sheetData>{cells}</sheetData></worksheet>"

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("xl/workbook.xml", '<workbook xmlns:r="r"><sheets>'
                     '<sheet name="Pagi" sheetId="1" r:id="rId1"/>'
                     '<sheet name="Sore" sheetId="2" r:id="rId2"/></sheets></workbook>')
        out.writestr("xl/_rels/workbook.xml.rels", "<Relationships>" + "".join(
            f'<Relationship Id="rId{i}" Type="http://x/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in (1, 2)) + "</Relationships>")
        out.writestr("xl/worksheets/sheet1.xml", sheet(rows))
        out.writestr("xl/worksheets/sheet2.xml", sheet(rows[:1]))


class ImportResume(StageTest):
    @classmethod
    def prepare(cls):
        settings = cls.stage.stack.settings
        cls.env = {"PATH": os.environ["PATH"], "KABAR_API_KEY": settings["keys"]["toko-a-owner"],
                   **{f"KABAR_{s.upper()}_ADDRESS": cls.stage.stack.address(s) for s in SERVICES}}

    def path(self, name):
        return os.path.join(self.stage.folder, name)

    def begin(self, *words):
        return subprocess.Popen([KABARCTL, *words, "--json"], env=self.env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ctl(self, *words, code=0):
        done = subprocess.run([KABARCTL, *words, "--json"], env=self.env, text=True, timeout=300,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout if code == 0 else done.stderr)

    def large_file(self, people):
        """Every 1000th row is refused."""
        path = self.path("besar.csv")
        with open(path, "wb") as out:
            head, *lines = people.csv().splitlines(keepends=True)
            out.write(head)
            for i, line in enumerate(lines):
                out.write(line)
                if i % 1000 == 999:
                    out.write(b"Budi,bukan nomor" + b"," * 13 + b"\n")
        return path

    def taken(self, request_id):
        done = subprocess.run([KABARCTL, "imports", "get", request_id, "--json"], env=self.env,
                              text=True, capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def await_rows(self, request_id, rows):
        eventually(f"{rows} rows are taken", lambda: int(
            (self.taken(request_id) or {"rows": 0})["rows"]) >= rows)

    def counts(self, people):
        pb = self.a.pb.contacts
        found = self.a.contacts.CountSegment(pb.CountSegmentRequest(filter=people.filter), timeout=60)
        return found.contacts, found.shipments

    def test_a_killed_service_goes_on_behind_its_last_chunk(self):
        people = People(ROWS)
        path = self.large_file(people)
        contacts = self.stage.stack.parts["contacts"]
        program = self.begin("contacts", "import", path, "--request-id", "pagi-1")
        self.await_rows("pagi-1", 4000)
        contacts.signal(signal.SIGKILL)
        out, error = program.communicate(timeout=300)
        self.assertEqual(program.returncode, 0, error)
        report = json.loads(out)
        self.assertGreaterEqual(int(report["rows_before"]), 4000)
        self.assertLess(int(report["rows_before"]), ROWS)
        self.assertEqual((report["rows"], report["accepted"], report["refused"]),
                         (str(ROWS + ROWS // 1000), str(ROWS), str(ROWS // 1000)))
        # Every row once: none was there before it came.
        self.assertEqual((report["contacts_created"], report["shipments_created"]), (str(ROWS),) * 2)
        self.assertEqual((report["contacts_updated"], report["shipments_updated"]), ("0", "0"))
        self.assertEqual(len(report["problems"]), ROWS // 1000)
        self.assertEqual(self.counts(people), (ROWS, ROWS))
        ended = self.taken("pagi-1")
        self.assertEqual((ended["state"], ended["rows"]), ("COMPLETED", report["rows"]))

    def test_cancelled_in_the_middle(self):
        people = People(ROWS)
        path = self.large_file(people)
        program = self.begin("contacts", "import", path, "--request-id", "pagi-2")
        self.await_rows("pagi-2", 4000)
        cancelled = self.ctl("imports", "cancel", "pagi-2")
        _, error = program.communicate(timeout=300)
        self.assertEqual(program.returncode, 1, error)
        self.assertEqual(json.loads(error)["error"]["reason"], "IMPORT_CANCELLED")
        self.assertEqual(cancelled["state"], "CANCELLED")
        self.assertLess(int(cancelled["rows"]), ROWS)
        taken = int(cancelled["accepted"])
        self.assertEqual(self.counts(people), (taken, taken))
        self.assertEqual(self.ctl("imports", "list")["imports"][0]["id"], cancelled["id"])

    def test_a_workbook_and_windows_1252(self):
        people = People(500)
        rows = list(csv.reader(people.csv().decode().splitlines()))
        book = self.path("pagi.xlsx")
        workbook(book, rows)
        report = self.ctl("contacts", "import", book)
        self.assertEqual((report["rows"], report["accepted"]), (str(len(rows) - 1),) * 2, report)
        self.assertEqual(self.ctl("contacts", "import", book, "--sheet", "sore")["rows"], "0")
        self.ctl("contacts", "import", book, "--sheet", "Malam", code=1)

        old = self.path("lama.csv")
        with open(old, "wb") as out:
            out.write(f"nama,no_hp\nAndré “Toko”,{people.phones[0]}\n".encode("cp1252"))
        self.assertEqual(self.ctl("contacts", "import", old)["windows_1252_rows"], "1")
        pb = self.a.pb.contacts
        found = self.a.contacts.ResolveContacts(pb.ResolveContactsRequest(
            contacts=[pb.Contact(phone=people.phones[0])])).contacts[0]
        self.assertEqual(found.name, "André “Toko”")
