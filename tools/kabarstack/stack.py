"""The parts of a stack, how each is started, in which order they start and end."""

import concurrent.futures
import hashlib
import json
import os
import tempfile
import time
import urllib.request

import grpc

from . import settings as settings_file
from .process import Process
from .servers import Postgres, Redis, StartError

# Round amounts: an outlet puts in its own.
RATE_CARD = os.path.join(os.path.dirname(__file__), "../../services/campaigns/rate_card.example.csv")
# A service needs those before it.
ORDER = ["postgres", "redis", "cloudsim", "contacts", "templates", "dispatcher", "campaigns",
         "triggers", "analytics", "gateway"]


class Stack:
    """Everything below `folder`. `bin_dir` holds the built programs.

    `options` maps a part's name to extra command-line flags, e.g. {"dispatcher": ["--hold=200ms"]}.
    `scenario` is the simulator's scenario, `sim_setup` parts of its set-up file that replace ours
    ({"limits": {...}}); both dicts, see tools/cloudsim/README.md.
    """

    def __init__(self, folder, bin_dir, workers=1, options=None, scenario=None, sim_flags=None,
                 sim_setup=None):
        self.folder = os.path.abspath(folder)
        self.bin_dir = os.path.abspath(bin_dir)
        self.options = options or {}
        self.logs = os.path.join(self.folder, "logs")
        os.makedirs(self.logs, mode=0o755, exist_ok=True)
        self.settings = settings_file.load(self.folder, workers)
        settings_file.write_files(self.folder, self.settings)
        name = hashlib.sha256(self.folder.encode()).hexdigest()[:12]
        # Unix socket paths are limited to 107 bytes, so the sockets do not stand below the folder.
        self.sockets = os.path.join(tempfile.gettempdir(), f"kabar-{name}")
        os.makedirs(self.sockets, mode=0o755, exist_ok=True)
        self.postgres = Postgres(self.folder, self.sockets, self._log("postgres"),
                                 f"/var/tmp/kabar-{name}", self.options.get("postgres", ()))
        self.redis = Redis(self.folder, self.sockets, self._log("redis"))
        self.parts = {"postgres": self.postgres.process, "redis": self.redis.process}
        self._write_sim_files(scenario or {}, sim_setup or {})
        self._add_programs(workers, sim_flags or [])

    def _log(self, name):
        return os.path.join(self.logs, f"{name}.log")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def address(self, name):
        return f"127.0.0.1:{self.settings['ports'][name]}"

    @property
    def sim_url(self):
        return f"http://{self.address('cloudsim')}"

    def _write_sim_files(self, scenario, sim_setup):
        """Two outlets, each a business account with two numbers and the morning's templates."""
        tokens, wabas = [], []
        for i, outlet in enumerate(settings_file.OUTLETS):
            waba = f"10200{i}"
            tokens.append({"token": self.settings["access_tokens"][outlet], "wabas": [waba]})
            wabas.append({
                "id": waba, "name": outlet, "portfolio": outlet,
                "phone_numbers": [
                    {"id": f"20200{i}{n}", "display_phone_number": f"+62 811-1000-{i}{n}0",
                     "throughput": 1000} for n in range(2)],
                "templates": PROVIDER_TEMPLATES,
            })
        setup = {
            "tokens": tokens,
            "wabas": wabas,
            "webhook": {"url": f"http://{self.address('gateway')}/webhooks/whatsapp",
                        "app_secret": self.settings["app_secret"],
                        "verify_token": self.settings["verify_token"],
                        **sim_setup.get("webhook", {})},
            **{k: v for k, v in sim_setup.items() if k != "webhook"},
        }
        for file, content in (("cloudsim.json", setup), ("scenario.json", scenario)):
            with open(self.path(file), "w", encoding="utf-8") as f:
                json.dump(content, f, indent=1)

    def _add_programs(self, workers, sim_flags):
        self._add("cloudsim", "cloudsim",
                  [f"--listen={self.address('cloudsim')}", f"--setup={self.path('cloudsim.json')}",
                   f"--scenario={self.path('scenario.json')}", *sim_flags], restart=False)
        addresses = [f"--{s}-address={self.address(s)}" for s in settings_file.SERVICES]
        needs = {
            "contacts": ["dispatcher", "triggers"], "templates": ["dispatcher"], "dispatcher": ["contacts"],
            "campaigns": ["contacts", "templates", "dispatcher"],
            "triggers": ["contacts", "templates", "dispatcher"],
            "analytics": ["dispatcher", "triggers"],
        }
        for service, needed in needs.items():
            flags = [f"--listen={self.address(service)}",
                     f"--metrics-listen={self.address(service + '-metrics')}",
                     f"--database-url={self.postgres.url}", f"--key-file={self.path('keys.json')}",
                     f"--service-key=@{self.path('service.key')}"]
            flags += [a for a, s in zip(addresses, settings_file.SERVICES) if s in needed]
            if service == "dispatcher":
                flags += ["--roles=api,keeper", *self._dispatcher_flags()]
            if service == "campaigns":
                flags.append(f"--rate-card={RATE_CARD}")
            self._add(service, f"kabar-{service}", flags)
        for i in range(workers):
            name = f"worker-{i + 1}"
            self._add(name, "kabar-dispatcher",
                      ["--roles=worker", f"--metrics-listen={self.address(name + '-metrics')}",
                       f"--database-url={self.postgres.url}", *self._dispatcher_flags()],
                      extra=self.options.get("worker", []))
        self._add("gateway", "kabar-gateway",
                  [f"--listen={self.address('gateway')}",
                   f"--dispatcher-address={self.address('dispatcher')}",
                   f"--service-key=@{self.path('service.key')}",
                   f"--app-secrets=@{self.path('app.secret')}",
                   f"--verify-token=@{self.path('verify.token')}"])

    def _dispatcher_flags(self):
        return [f"--redis-url={self.redis.url}", f"--master-key=@{self.path('master.key')}",
                f"--provider-url={self.sim_url}"]

    def _add(self, name, program, flags, restart=True, extra=None):
        extra = self.options.get(name, []) if extra is None else extra
        self.parts[name] = Process(name, [os.path.join(self.bin_dir, program), *flags, *extra],
                                   self._log(name), restart=restart)

    def workers(self):
        return [n for n in self.parts if n.startswith("worker-")]

    def start(self, wait=60):
        """Starts everything; returns when every service says that it serves."""
        self.postgres.start()
        self.redis.start()
        for name in [*ORDER[2:], *self.workers()]:
            self.parts[name].start()
        self.wait_serving(wait)

    def wait_serving(self, seconds=60):
        end = time.monotonic() + seconds
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            checks = {n: pool.submit(self.wait_one, n, end)
                      for n in [*settings_file.SERVICES, "gateway", "cloudsim"]}
        late = [n for n, done in checks.items() if not done.result()]
        if late:
            raise StartError(f"not serving after {seconds} s: {', '.join(late)}; "
                             f"the logs are in {self.logs}:\n{self._last_lines(late[0])}")

    def _last_lines(self, name):
        with open(self._log(name), encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-5:])

    def wait_one(self, name, end):
        """Whether it serves before `end` (time.monotonic)."""
        while time.monotonic() < end:
            if self._http_ok(name) if name in ("gateway", "cloudsim") else self._grpc_serving(name):
                return True
            if not self.parts[name].running and not self.parts[name].restart:
                return False
            time.sleep(0.05)
        return False

    def _http_ok(self, name):
        try:
            with urllib.request.urlopen(f"http://{self.address(name)}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _grpc_serving(self, name):
        """grpc.health.v1.Health/Check in its raw bytes: Debian ships no Python stub of it."""
        with grpc.insecure_channel(self.address(name)) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            try:
                return check(b"", timeout=2) == b"\x08\x01"
            except grpc.RpcError:
                return False

    def stop(self):
        """Ends everything, those who call before those who are called. Names what had to be killed."""
        killed = []
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for names in [["gateway", "analytics", "campaigns", "triggers"], self.workers(),
                          ["dispatcher"], ["templates", "contacts"], ["cloudsim"], ["redis"],
                          ["postgres"]]:
                ended = pool.map(lambda name: self.parts[name].stop(), names)
                killed += [name for name, clean in zip(names, ended) if not clean]
        return killed


def _template(name, body, category="UTILITY", language="id"):
    return {"name": name, "language": language, "category": category, "status": "APPROVED",
            "components": [{"type": "BODY", "text": body}]}


# What the outlets have had approved at the provider; the demo's templates name these.
PROVIDER_TEMPLATES = [
    _template("paket_terkirim", "Halo {{1}}, paket {{2}} sudah diterima di {{3}}. Terima kasih! 🙏"),
    _template("paket_dalam_perjalanan",
              "Halo {{1}}, paket {{2}} berstatus {{3}} di {{4}}. Perkiraan tiba: {{5}}. "
              "Apakah Anda di rumah? Balas YA atau TIDAK."),
    _template("paket_tertunda", "Halo {{1}}, paket {{2}} tertunda: {{3}}. Perkiraan baru: {{4}}."),
    _template("pesanan_baru", "Halo {{1}}, pesanan {{2}} untuk {{3}} kami terima. Terima kasih!"),
    _template("pesanan_diterima", "Halo {{1}}, apakah pesanan {{2}} tiba dengan baik? Balas YA atau TIDAK."),
]
