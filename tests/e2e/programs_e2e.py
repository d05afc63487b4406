"""The same work through what people use: kabarctl, and the example in Python."""

import json
import os
import subprocess

from kabarstack import morning_file
from kabarstack.settings import SERVICES
from stage import BIN, ROOT, People, StageTest, eventually

KABARCTL = os.path.join(BIN, "kabarctl")
EXAMPLE = os.path.join(ROOT, "tools", "examples", "python", "morning.py")


class Programs(StageTest):
    @classmethod
    def prepare(cls):
        settings = cls.stage.stack.settings
        cls.env = {"PATH": os.environ["PATH"], "KABAR_API_KEY": settings["keys"]["toko-a-owner"],
                   **{f"KABAR_{s.upper()}_ADDRESS": cls.stage.stack.address(s) for s in SERVICES}}
        cls.token = cls.file("token", settings["access_tokens"]["toko-a"].encode())

    @classmethod
    def file(cls, name, data):
        path = os.path.join(cls.stage.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def run_program(self, *argv, code=0, **env):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False,
                              env={**self.env, **env})
        self.assertEqual(done.returncode, code, f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}")
        return done

    def ctl(self, *words, code=0, **env):
        """What `kabarctl ... --json` answers."""
        done = self.run_program(KABARCTL, *words, "--json", code=code, **env)
        return json.loads(done.stdout if code == 0 else done.stderr)

    def assert_texts(self, people):
        record = self.stage.record(people.phones)
        self.assertEqual({line["to"].lstrip("+"): line["body"] for line in record},
                         {phone[1:]: morning_file.expected_text(row)
                          for phone, row in zip(people.phones, people.rows)})
        self.assertEqual(len(record), len(people))

    def sender(self):
        """Added by kabarctl; the first test that needs it adds it."""
        if not hasattr(type(self), "sender_id"):
            portfolio = self.ctl("portfolios", "create", "Toko A", "--messaging-limit", "2000")
            type(self).sender_id = self.ctl(
                "senders", "add", "--portfolio", portfolio["id"], "--phone-number-id", "2020000",
                "--phone", "+628111000000", "--token-file", self.token, "--throughput", "1000/s")["id"]
        return self.sender_id

    def test_kabarctl_does_the_morning_s_work(self):
        people = People(120)
        unlucky = people.phones[7]
        self.stage.play(faults=[{"do": "error", "code": 131026, "recipients": [unlucky[1:]],
                                 "first_attempts": 1}])
        self.addCleanup(self.stage.play)
        sender = self.sender()
        self.assertIn(sender, self.run_program(KABARCTL, "senders", "list").stdout)
        bad_row = ",".join(["Budi", "bukan nomor"] + [""] * 13) + "\n"
        csv = self.file("pagi.csv", people.csv() + bad_row.encode())
        refused = os.path.join(self.stage.folder, "refused.csv")
        imported = self.ctl("contacts", "import", csv, "--refused", refused)
        self.assertEqual((imported["rows"], imported["accepted"], imported["refused"]), ("121", "120", "1"))
        with open(refused, encoding="utf-8") as f:
            self.assertIn("bukan nomor", f.read())
        message = self.file("pagi.txt", morning_file.MESSAGE.encode())
        self.run_program(KABARCTL, "templates", "lint", message)
        self.ctl("templates", "create", "pagi-ctl", "--message-file", message, "--lenient")
        self.ctl("segments", "create", "Paket ctl", people.filter)
        self.assertEqual(self.ctl("segments", "count", "Paket ctl")["contacts"], "120")
        made = self.ctl("campaigns", "create", "Kabar pagi", "--template", "pagi-ctl", "--segment",
                        "Paket ctl", "--sender", sender, "--rate", "1200/min")
        self.ctl("campaigns", "start", made["id"])
        eventually("some are sent", lambda: len(self.stage.record(people.phones)) > 20)
        self.assertEqual(self.ctl("campaigns", "pause", made["id"])["state"], "PAUSED")
        self.assertEqual(self.ctl("campaigns", "resume", made["id"])["state"], "RUNNING")
        self.run_program(KABARCTL, "campaigns", "watch", made["id"])
        self.assertEqual(self.ctl("campaigns", "retry-failed", made["id"])["retried"], "1")
        self.run_program(KABARCTL, "campaigns", "watch", made["id"])
        self.stage.settle()
        self.assert_texts(people)
        report = self.run_program(KABARCTL, "campaigns", "report", made["id"]).stdout
        self.assertIn("120", report)
        # A finished one cannot be paused: one clear sentence, exit code 1.
        refusal = self.ctl("campaigns", "pause", made["id"], code=1)
        self.assertEqual(refusal["error"]["reason"], "WRONG_CAMPAIGN_STATE")

    def test_kabarctl_publishes_an_event_once(self):
        phone, sender = People(1).phones[0], self.sender()
        message = self.file("pesanan.txt", (
            '{{provider "pesanan_baru" "id" nama documentnumber productname}}'
            "Halo {{nama}}, pesanan {{documentnumber}}").encode())
        self.ctl("templates", "create", "pesanan-ctl", "--message-file", message)
        self.ctl("automations", "create", "Pesanan dibayar", "--event", "ORDER_PAID", "--template",
                 "pesanan-ctl", "--sender", sender)
        words = ("events", "publish", "--type", "ORDER_PAID", "--id", "evt-ctl", "--phone", phone,
                 "--name", "Siti Rahayu", "--var", "documentnumber=INV-9", "--var", "productname=Sepatu")
        self.ctl(*words)
        self.assertTrue(self.ctl(*words)["duplicate"])
        eventually("the message is out", lambda: self.stage.record([phone]))
        self.stage.settle()
        self.assertEqual([r["body"] for r in self.stage.record([phone])], [
            "Halo Siti Rahayu, pesanan INV-9 untuk Sepatu kami terima. Terima kasih!"])

    def test_kabarctl_says_what_is_wrong(self):
        self.assertEqual(self.ctl("campaigns", "list", code=1, KABAR_API_KEY="wrong")["error"]["code"],
                         "UNAUTHENTICATED")
        self.run_program(KABARCTL, "campaigns", "create", code=2)
        self.run_program(KABARCTL, "campaigns", "list", code=3, KABAR_CAMPAIGNS_ADDRESS="127.0.0.1:1")

    def test_the_example_in_python_does_the_morning_s_work(self):
        people = People(80)
        csv = self.file("pagi2.csv", people.csv())
        message = self.file("pagi2.txt", morning_file.MESSAGE.encode())
        done = self.run_program("/usr/bin/python3", EXAMPLE, csv, "--sender", self.sender(), "--rate",
                                "6000/min", "--filter", people.filter, "--message-file", message,
                                "--lenient", "--json")
        figures = json.loads(done.stdout)
        self.assertEqual((figures["import"]["accepted"], figures["asked"]), (80, 80), figures)
        self.assertEqual(sum(figures["state"].values()), 80, figures)
        self.assertEqual(figures["reached"]["sent"], 80, figures)
        self.stage.settle()
        self.assert_texts(people)
