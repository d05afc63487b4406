"""A courier's tracking API is pulled at its time: contacts and parcels come, what is refused is
shown, and the next pull takes only what changed."""

import datetime
import json
import os
import subprocess
import tempfile

from kabarstack.settings import SERVICES
from stage import BIN, StageTest, eventually
from tracking_api import TrackingApi

KEY = "rahasia-kurir-4711"
WIB = datetime.timezone(datetime.timedelta(hours=7))


class Sources(StageTest):
    @classmethod
    def setUpClass(cls):
        cls.api = TrackingApi(KEY)
        cls.addClassCleanup(cls.api.stop)
        secrets = tempfile.TemporaryDirectory(prefix="kabar-e2e-secrets-")
        cls.addClassCleanup(secrets.cleanup)
        os.mkdir(os.path.join(secrets.name, "toko-a"))
        with open(os.path.join(secrets.name, "toko-a", "kurir"), "w", encoding="utf-8") as f:
            f.write(KEY + "\n")
        cls.stage_options = {"options": {"contacts": [
            f"--source-hosts={cls.api.host}", f"--source-secrets={secrets.name}"]}}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        settings = cls.stage.stack.settings
        cls.env = {"PATH": os.environ["PATH"], "KABAR_API_KEY": settings["keys"]["toko-a-owner"],
                   **{f"KABAR_{s.upper()}_ADDRESS": cls.stage.stack.address(s) for s in SERVICES}}

    def ctl(self, *words, code=0):
        done = subprocess.run([os.path.join(BIN, "kabarctl"), *words, "--json"], env=self.env,
                              text=True, timeout=120, capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout if code == 0 else done.stderr)

    def put(self, url=None, code=0):
        """The source, whose time comes in five seconds."""
        at = datetime.datetime.now(WIB) + datetime.timedelta(seconds=5)
        return self.ctl("sources", "put", "kurir", "--url",
                        url or f"http://{self.api.host}/v1/parcels",
                        "--auth-header", "X-Api-Key", "--auth-secret", "kurir",
                        "--paging", "cursor", "--page-parameter", "cursor",
                        "--next-path", "meta.next", "--items-path", "data",
                        "--since-parameter", "since", "--since-path", "meta.until",
                        "--map", "awb=tracking_number", "--map", "consignee.phone=phone",
                        "--map", "consignee.name=name", "--map", "state=status",
                        "--map", "cod=cod_amount",
                        "--at", at.strftime("%H:%M:%S"), "--zone", "WIB", code=code)

    def source(self):
        return self.ctl("sources", "list")["sources"][0]

    def parcels(self):
        pb = self.a.pb.contacts
        found = self.a.contacts.ListShipments(pb.ListShipmentsRequest(page_size=100)).shipments
        return {s.tracking_number: (s.status, s.cod_amount) for s in found}

    def test_pulled_at_its_time_and_then_what_changed(self):
        for n in range(5):
            self.api.put(f"JP{n}", state="In Transit", cod=10_000 * n,
                         consignee={"phone": f"0812345678{n:02}", "name": f"Siti {n}"})
        self.api.put("JP9", state="In Transit", consignee={"phone": "12"})
        put = self.put()
        self.assertNotIn(KEY, json.dumps(put))
        self.assertEqual(self.api.asked, [])
        eventually("it is pulled", lambda: self.source().get("last_success_time"), 120)
        source = self.source()
        self.assertEqual((source["last_rows"], source["last_refused"], source["open_refused"]),
                         ("6", "1", "1"), source)
        self.assertEqual(source["refused_reasons"][0]["column"], "phone")
        self.assertEqual(self.parcels(), {f"JP{n}": ("In Transit", 10_000 * n) for n in range(5)})
        refused = self.ctl("sources", "refused", "kurir")["rows"]
        self.assertEqual(refused[0]["values"], {"tracking_number": "JP9", "phone": "12",
                                                "status": "In Transit"})
        pb = self.a.pb.contacts
        found = self.a.contacts.ResolveContacts(pb.ResolveContactsRequest(
            contacts=[pb.Contact(phone="081234567803")])).contacts[0]
        self.assertEqual(found.name, "Siti 3")
        self.assertEqual([q.get("cursor") for q in self.api.asked], [None, "2", "4"])

        # The next morning: one moved, of which the API says nothing but that; one was mended.
        self.api.put("JP1", state="Delivered", consignee={"phone": "081234567801"})
        self.api.put("JP9", state="Delivered", consignee={"phone": "081234567809"})
        before = source["last_success_time"]
        self.api.asked.clear()
        self.put()
        eventually("it is pulled again", lambda: self.source()["last_success_time"] != before, 120)
        source = self.source()
        self.assertEqual((source["last_rows"], source["last_refused"], source["open_refused"]),
                         ("2", "0", "0"), source)
        self.assertEqual(self.api.asked, [{"since": "6"}])
        parcels = self.parcels()
        self.assertEqual(parcels["JP1"], ("Delivered", 10_000))
        self.assertEqual(parcels["JP2"], ("In Transit", 20_000))
        self.assertEqual(parcels["JP9"], ("Delivered", 0))
        self.assertEqual(self.api.refused, 0)
        log = self.stage.stack.parts["contacts"].log_path
        with open(log, encoding="utf-8", errors="replace") as f:
            self.assertNotIn(KEY, f.read())

    def test_only_where_the_installation_lets_it(self):
        error = self.put("http://127.0.0.1:1/", code=1)
        self.assertIn("--source-hosts", json.dumps(error))
