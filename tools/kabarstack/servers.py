"""The private PostgreSQL and Redis: own data folders, unix sockets only, never the system's own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from .process import Process

PG_BIN = "/usr/lib/postgresql/15/bin"


class StartError(Exception):
    """What could not start, where its log is, what to do."""


def _postgres_user():
    """PostgreSQL refuses to run as root: as root, its processes run as its package's user."""
    return "postgres" if os.geteuid() == 0 else None


def _reachable_by_others(path):
    path = os.path.abspath(path)
    while path != "/":
        if os.path.exists(path) and not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


class Postgres:
    """One cluster below `folder`, listening on a unix socket in `socket_dir`. `flags` are the
    server's own, after ours."""

    def __init__(self, folder, socket_dir, log_path, outside, flags=()):
        self.user = _postgres_user()
        self.socket_dir = socket_dir
        self.log_path = log_path
        self.data = os.path.join(folder, "postgres")
        if self.user and not _reachable_by_others(folder):
            # Another user cannot pass through, say, /root: the data stands beside, linked from here.
            if not os.path.islink(self.data):
                os.makedirs(outside, mode=0o755, exist_ok=True)
                os.symlink(os.path.join(outside, "postgres"), self.data)
            self.data = os.readlink(self.data)
        self.process = Process(
            "postgres",
            [f"{PG_BIN}/postgres", "-D", self.data, "-k", socket_dir, "-c", "listen_addresses=",
             "-c", "max_connections=200", "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB",
             "-c", "checkpoint_timeout=15min", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
             "-c", "wal_compression=lz4", "-c", "jit=off", *flags],
            log_path, user=self.user, stop_signal=signal.SIGINT)

    @property
    def url(self):
        return f"host={self.socket_dir} user=kabar dbname=kabar"

    def start(self):
        if not os.path.exists(os.path.join(self.data, "PG_VERSION")):
            self._initdb()
        if self.user:
            shutil.chown(self.socket_dir, self.user)
            os.chmod(self.socket_dir, 0o755)
        # Left over from a machine that went down: PostgreSQL itself judges whether it is stale.
        self.process.start()
        self.wait_ready()
        self._psql("SELECT 1 FROM pg_database WHERE datname='kabar'") or self._run(
            [f"{PG_BIN}/createdb", "-h", self.socket_dir, "-U", "kabar", "kabar"])

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done = subprocess.run([f"{PG_BIN}/pg_isready", "-q", "-h", self.socket_dir], check=False)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise StartError(f"PostgreSQL did not start within {seconds} s; see {self.log_path}")

    def _run(self, argv):
        kwargs = {"user": self.user, "group": self.user} if self.user else {}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", **kwargs)
        if done.returncode != 0:
            raise StartError(f"{os.path.basename(argv[0])} failed: {done.stderr.strip()}")
        return done.stdout

    def _psql(self, sql, database="postgres"):
        return self._run([f"{PG_BIN}/psql", "-h", self.socket_dir, "-U", "kabar", "-d", database,
                          "-AtX", "-c", sql]).strip()

    def query(self, sql):
        """For tests and figures: the rows as text, columns parted by '|'."""
        return self._psql(sql, "kabar")

    def _initdb(self):
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        if self.user:
            shutil.chown(self.data, self.user, self.user)
        self._run([f"{PG_BIN}/initdb", "-D", self.data, "-U", "kabar", "-A", "trust", "-E", "UTF8",
                   "--locale=C.UTF-8"])


class Redis:
    """One redis-server with an append-only file, on a unix socket."""

    def __init__(self, folder, socket_dir, log_path):
        self.data = os.path.join(folder, "redis")
        self.socket = os.path.join(socket_dir, "redis.sock")
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        self.process = Process(
            "redis",
            ["/usr/bin/redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.data,
             "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no"],
            log_path)
        self.log_path = log_path

    @property
    def url(self):
        return f"unix://{self.socket}"

    def start(self):
        self.process.start()
        self.wait_ready()

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.command("PING") == "PONG":
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise StartError(f"Redis did not start within {seconds} s; see {self.log_path}")

    def command(self, *words):
        """One command, its simple answer as text."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(b"*%d\r\n" % len(words) +
                      b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words))
            answer = s.makefile("rb")
            line = answer.readline().decode().rstrip()
            if line.startswith("$"):
                return answer.read(int(line[1:])).decode() if line != "$-1" else None
            return line[1:]
