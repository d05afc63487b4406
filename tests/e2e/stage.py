"""A private stack on which one class of end-to-end tests plays, and what the tests say of it.

Everything is asked from outside: the services' own calls and the simulator's record. The database
is read only to know when all is quiet (`Stage.settle`) and for a failure's diagnosis.
"""

import json
import os
import shutil
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import grpc

from kabarstack import morning_file, report
from kabarstack.client import Client, describe, stubs
from kabarstack.settings import SERVICES
from kabarstack.stack import Stack
from campaign_run import Run
from moments import eventually, max_in_window, until  # noqa: F401 (for the tests)
from people import People

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("KABAR_BIN", os.path.join(ROOT, "build", "release", "bin")))
BUILD = os.path.dirname(BIN)

# Webhooks come soon, so that a run is over soon; slow and faulty ones are the tests' own affair.
SCENARIO = {
    "latency": {"kind": "uniform", "min_ms": 5, "max_ms": 60},
    "statuses": {"sent_ms": [10, 60], "delivered_ms": [20, 150], "read_ms": [20, 200]},
}
WEBHOOK = {"retry_first_ms": 200, "retry_max_ms": 1000}
# An attempt of which nobody hears is judged within seconds. The windows stay far above the time
# that the simulator's webhooks need, as in life.
SHORT_WINDOWS = {
    "dispatcher": ["--unknown-window=6s", "--lease=4s", "--request-timeout=3s"],
    "worker": ["--lease=4s", "--request-timeout=3s"],
}


class Stage:
    def __init__(self, name, workers=1, scenario=None, options=None, sim_setup=None):
        self.folder = tempfile.mkdtemp(prefix=f"kabar-e2e-{name.lower()}-")
        os.chmod(self.folder, 0o755)  # PostgreSQL runs as another user
        flags = {s: ["--drain-pause=0s"] for s in [*SERVICES, "gateway"]}
        for part, more in (options or {}).items():
            flags[part] = flags.get(part, []) + more
        setup = {"webhook": WEBHOOK, **(sim_setup or {})}
        self.scenario = {**SCENARIO, **(scenario or {})}
        self.stack = Stack(self.folder, BIN, workers=workers, options=flags, scenario=self.scenario,
                           sim_setup=setup)
        self.runs = []
        self._senders = {}
        self._portfolios = {}
        self._clients = []
        self._made = 0
        self.failed = False

    def start(self):
        stubs(BUILD)
        self.stack.start()
        self.a = self.client("toko-a-owner")
        self.b = self.client("toko-b-owner")
        return self

    def stop(self):
        """Ends everything; the names of what had to be killed."""
        for client in self._clients:
            client.close()
        killed = self.stack.stop()
        if self.failed or os.environ.get("KABAR_E2E_KEEP"):
            print(f"   the stack's logs are kept in {self.stack.logs}")
        else:
            shutil.rmtree(self.stack.sockets, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        return killed

    # -- who calls -------------------------------------------------------------------------------
    def client(self, key_name):
        return self.client_with(self.stack.settings["keys"][key_name])

    def client_with(self, key):
        self._clients.append(Client({s: self.stack.address(s) for s in SERVICES}, key, BUILD))
        return self._clients[-1]

    def outlet(self, client):
        return "toko-b" if client is self.b else "toko-a"

    def unique(self, word):
        self._made += 1
        return f"{word}-{self._made}"

    # -- the simulator ---------------------------------------------------------------------------
    def sim(self, path, body=None):
        request = urllib.request.Request(f"{self.stack.sim_url}/_sim/{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise AssertionError(f"the simulator refused {path}: {e.read().decode()}") from e

    def _lines(self, path):
        url = f"{self.stack.sim_url}/_sim/{path}?limit=1000000"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]

    def record(self, phones=None):
        """What the simulator accepted for these phones (E.164), in order."""
        return _of_phones(self._lines("record"), phones)

    def refused(self, phones=None):
        return _of_phones(self._lines("refused"), phones)

    def starts(self, phones):
        """Each moment at which a request for these phones began, in seconds, sorted."""
        lines = self.record(phones) + self.refused(phones)
        return sorted(line["time_us"] / 1e6 for line in lines)

    def play(self, **scenario):
        """A new scenario for the simulator, over the stage's."""
        self.sim("scenario", {**self.scenario, **scenario})

    def customer_writes(self, phone, text, number="2020000", **more):
        self.sim("inbound", {"phone": phone, "text": text, "phone_number_id": number, **more})

    # -- what a campaign needs -------------------------------------------------------------------
    def load(self, client, people):
        result = self.load_csv(client, people.csv())
        assert (result.rows, result.refused) == (len(people), 0), f"import: {result}"

    def load_csv(self, client, data, **options):
        pb = client.pb.contacts

        def parts():
            yield pb.ImportContactsRequest(options=pb.ImportOptions(**options))
            for at in range(0, len(data), 100_000):
                yield pb.ImportContactsRequest(data=data[at:at + 100_000])

        return client.contacts.ImportContacts(parts(), timeout=120)

    def sender(self, client, number=0, **more):
        """The outlet's sender for its number 0 or 1, registered once."""
        outlet, pb = self.outlet(client), client.pb.dispatcher
        if outlet not in self._portfolios:
            self._portfolios[outlet] = client.dispatcher.CreatePortfolio(pb.CreatePortfolioRequest(
                portfolio=pb.Portfolio(name=outlet, messaging_limit=100_000))).id
        if (outlet, number) not in self._senders:
            self._senders[outlet, number] = client.dispatcher.CreateSender(pb.CreateSenderRequest(
                sender=pb.Sender(
                    portfolio_id=self._portfolios[outlet], phone_number_id=self.number_id(client, number),
                    display_phone="+628111000000", **{"throughput": "1000/s", **more},
                    access_token=self.stack.settings["access_tokens"][outlet]))).id
        return self._senders[outlet, number]

    def account_id(self, client):
        """The WhatsApp business account of the outlet's numbers."""
        return f"10200{int(self.outlet(client) == 'toko-b')}"

    def number_id(self, client, number=0):
        return f"20200{int(self.outlet(client) == 'toko-b')}{number}"

    def template(self, client, message=morning_file.MESSAGE, strict=False):
        pb = client.pb.templates
        return client.templates.CreateTemplate(pb.CreateTemplateRequest(template=pb.Template(
            code=self.unique("pesan"), message=message,
            missing_data=pb.STRICT if strict else pb.LENIENT))).id

    def segment(self, client, wanted):
        pb = client.pb.contacts
        return client.contacts.CreateSegment(pb.CreateSegmentRequest(segment=pb.Segment(
            name=self.unique("segmen"), filter=wanted))).id

    def campaign(self, client, people, rate="6000/min", template=None, number=0, **more):
        """A draft for these people (a People, or a filter)."""
        wanted, phones = (people, None) if isinstance(people, str) else (people.filter, people.phones)
        contacts, pb = client.pb.contacts, client.pb.campaigns
        made = client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(**{
            "name": self.unique("kampanye"), "template_id": template or self.template(client),
            "segment_id": self.segment(client, wanted), "subject": contacts.SHIPMENT,
            "purpose": contacts.DELIVERY_UPDATES, "sender_id": self.sender(client, number),
            "rate": rate, **more})))
        run = Run(self, client, made.id, phones)
        self.runs.append(run)
        return run

    def send(self, client, people, **more):
        """Imports the people and starts a campaign for them."""
        self.load(client, people)
        return self.campaign(client, people, **more).start()

    # -- quiet -----------------------------------------------------------------------------------
    def query(self, sql):
        return self.stack.postgres.query(sql)

    def unquiet(self):
        """What still moves, in words; empty when nothing does."""
        quiet = self.sim("quiet")
        if not quiet["quiet"]:
            return f"the simulator: {quiet}"
        return self.query(_UNQUIET)

    def settle(self, seconds=60):
        """Until every webhook has been delivered, applied, and counted by every reader of events."""
        last = [""]

        def quiet():
            last[0] = self.unquiet()
            # Twice: the last answer recorded may be news to those asked before it.
            return not last[0] and not self.unquiet()

        try:
            eventually("all is quiet", quiet, seconds, every=0.1)
        except AssertionError:
            raise AssertionError(f"not quiet within {seconds} s: {last[0]}") from None

    def diagnosis(self):
        """Figures of the runs and the last troubles of every part, for a failure's report."""
        lines = []
        for run in self.runs[-3:]:
            lines.append(f"campaign {run.id}: {run.describe()}")
        try:
            lines.append(f"simulator: {json.dumps(self.sim('summary'))}")
            lines.append(f"still moving: {self.unquiet() or 'nothing'}")
        except Exception as e:  # the diagnosis must not hide the failure
            lines.append(f"not to be asked: {e}")
        for name, part in self.stack.parts.items():
            lines.append(f"-- {name}: pid {part.pid}, {part.restarts} restarts; {_troubles(part.log_path)}")
        return "\n".join(lines)


def _of_phones(lines, phones):
    if phones is None:
        return lines
    wanted = {p.lstrip("+") for p in phones}
    return [line for line in lines if line.get("to", "").lstrip("+") in wanted]


def _troubles(path, count=4):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            lines = f.readlines()
    except OSError as e:
        return str(e)
    # A refused call is mostly what a test asked for; the servers' own chatter is not ours.
    bad = [line.rstrip()[:600] for line in lines
           if ('"level":"warn' in line and '"rpc refused"' not in line) or '"level":"error' in line
           or "PANIC" in line or "ERROR" in line or "terminate" in line]
    return "no trouble in its log" if not bad else "its last troubles:\n   " + "\n   ".join(bad[-count:])


# One row a thing that moves. A consumer's position counts what it has committed.
_UNQUIET = """
SELECT 'webhooks not applied: ' || sum(size - applied) FROM dispatcher.webhook_journal WHERE applied < size
 HAVING count(*) > 0
UNION ALL SELECT s.source || ': events without a number' FROM (
 SELECT 'dispatcher' AS source, count(*) AS n FROM dispatcher.outbox WHERE number IS NULL
 UNION ALL SELECT 'contacts', count(*) FROM contacts.outbox WHERE number IS NULL
 UNION ALL SELECT 'triggers', count(*) FROM triggers.outbox WHERE number IS NULL) s WHERE s.n > 0
UNION ALL SELECT 'answers not recorded' WHERE EXISTS
 (SELECT FROM triggers.answers WHERE recorded_at IS NULL)
UNION ALL SELECT c.reader || ' has events of ' || c.source || ' until ' || c.at || ' of ' || l.last
FROM (SELECT 'analytics' AS reader, source, number AS at FROM analytics.event_positions
 UNION ALL SELECT 'campaigns', source, number FROM campaigns.event_positions
 UNION ALL SELECT 'contacts', source, number FROM contacts.event_positions
 UNION ALL SELECT 'triggers', source, number FROM triggers.event_positions
 UNION ALL SELECT 'dispatcher', source, number FROM dispatcher.event_positions) c
JOIN (SELECT 'dispatcher' AS source, next_number - 1 AS last FROM dispatcher.event_publisher
 UNION ALL SELECT 'contacts', next_number - 1 FROM contacts.event_publisher
 UNION ALL SELECT 'triggers', next_number - 1 FROM triggers.event_publisher) l USING (source)
WHERE c.at < l.last
"""


class StageTest(unittest.TestCase):
    """One stack for all tests of a class. A failure prints what the stack has to say."""

    stage_options = {}

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(cls.__name__, **cls.stage_options)
        cls.addClassCleanup(cls._stop)
        cls.stage.start()
        cls.a, cls.b = cls.stage.a, cls.stage.b
        try:
            cls.prepare()
        except Exception:
            cls._tell(f"{cls.__name__}.prepare failed")
            raise

    @classmethod
    def prepare(cls):
        """What all tests of the class build on."""

    @classmethod
    def _tell(cls, what):
        cls.stage.failed = True
        print(f"\n== {what}; its stack says:\n{cls.stage.diagnosis()}\n", flush=True)

    @classmethod
    def _stop(cls):
        killed = cls.stage.stop()
        if killed:
            raise AssertionError(f"did not end within 20 s of SIGTERM: {', '.join(killed)}")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        started = time.monotonic()
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self)._tell(f"{self.id()} failed after {time.monotonic() - started:.0f} s")
        return result

    # -- what every run must show ----------------------------------------------------------------
    def assert_adds_up(self, run):
        """The figures agree with each other and with the simulator's record."""
        figures = run.figures()
        # What a cancelled or expired run never handed over stands still all the same.
        moving = figures["state"]["queued"] + figures["state"]["sending"]
        wrong = [w for w in report.problems(figures)
                 if moving or not w.startswith("nothing is under way")]
        self.assertEqual(wrong, [], f"figures: {json.dumps(figures)}")
        return figures

    def assert_once_each(self, run, people=None):
        """Each of these people got exactly one message, none other did."""
        phones = people if people is not None else run.phones
        got = {}
        for line in run.record():
            got.setdefault(line["to"].lstrip("+"), []).append(line["callback"])
        twice = {to: tags for to, tags in got.items() if len(tags) > 1}
        missing = {p.lstrip("+") for p in phones} - set(got)
        extra = set(got) - {p.lstrip("+") for p in phones}
        self.assertFalse(twice or missing or extra,
                         f"{len(twice)} twice {dict(list(twice.items())[:3])}, {len(missing)} missing "
                         f"{sorted(missing)[:5]}, {len(extra)} not asked for {sorted(extra)[:5]}")

    def assert_refused(self, code, reason, call, *args):
        """The call is refused with this code (and reason, where it matters)."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args)
        text = describe(caught.exception)
        self.assertEqual(caught.exception.code().name, code, text)
        if reason:
            self.assertIn(f"[{reason}]", text)
