"""Kills, suspends and bereaves the stack's parts, each at its planned moment."""

import collections
import glob
import os
import shutil
import signal
import subprocess
import threading
import time

import plan as plans
from kabarstack.servers import StartError


class AofSizes:
    """How long Redis's append-only file was at each moment of the last seconds."""

    def __init__(self, redis):
        self._pattern = os.path.join(redis.data, "appendonlydir", "*.incr.aof")
        self._seen = collections.deque(maxlen=100)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stop.wait(0.1):
            for path in glob.glob(self._pattern):
                try:
                    self._seen.append((time.monotonic(), path, os.path.getsize(path)))
                except OSError:
                    pass

    def cut(self, seconds):
        """Takes what was written in the last `seconds` from the file; how many bytes."""
        then, cut = time.monotonic() - seconds, 0
        for path in glob.glob(self._pattern):
            sizes = [size for at, p, size in self._seen if p == path and at >= then]
            if sizes and sizes[0] < os.path.getsize(path):
                cut += os.path.getsize(path) - sizes[0]
                os.truncate(path, sizes[0])
        self._seen.clear()
        return cut

    def stop(self):
        self._stop.set()
        self._thread.join()


class Disturber:
    """Plays the plan's disturbances; `quieten` ends what is under way. Thread safe."""

    def __init__(self, stack, network, say):
        self.stack = stack
        self.network = network
        self.say = say
        self.kills = collections.Counter()
        self.suspensions = collections.Counter()
        self.network_faults = collections.Counter()
        self.losses = collections.Counter()  # "redis emptied", "suspended longer than a lease", ...
        self._aof = AofSizes(stack.redis)
        self._armed = []  # (fail point, part, the file that says it was hit)
        self._redis = threading.Lock()
        self._over = threading.Event()

    def play(self, d):
        if self._over.is_set():
            return
        self.say(f"{d.how} {d.part}" + (f" {d.seconds:.1f} s" if d.seconds else ""))
        if ">" in d.part:
            self.network.play(d.part, d.how, d.seconds)
            self.network_faults[d.how] += 1
        elif d.how == "suspend":
            self._suspend(d)
        elif d.part == "redis":
            self._lose_redis(d)
        else:
            self._arm(d.part, d.point, d.hits)
            self._kill(d.part, signal.SIGQUIT if d.how == "immediate" else signal.SIGKILL)
        if d.part in plans.LOSSES and d.how != "suspend":
            self.losses[f"{d.part} {d.how}"] += 1

    def _kill(self, part, number=signal.SIGKILL):
        if self._signal(part, number):
            self.kills[plans.kind_of(part)] += 1

    def _arm(self, part, point, hits):
        """When it comes back, it kills itself at the fail point; once, as the file says."""
        process = self.stack.parts[part]
        others = {k: v for k, v in (process.env or {}).items() if k != "KABAR_FAIL_POINT"}
        if point:
            marker = self.stack.path(f"{point}.{len(self._armed)}.hit")
            self._armed.append((point, part, marker))
            others["KABAR_FAIL_POINT"] = f"{point}@{marker}#{hits}"
        process.env = others

    def points_hit(self):
        """Fail point -> how often a process killed itself there."""
        hit = collections.Counter()
        for point, part, marker in self._armed:
            hit[point] += os.path.exists(marker)
        return hit

    def all_kills(self):
        """Kind of process -> kills, those at fail points too."""
        kills = collections.Counter(self.kills)
        for _, part, marker in self._armed:
            kills[plans.kind_of(part)] += os.path.exists(marker)
        return kills

    def _signal(self, part, number):
        try:
            return self.stack.parts[part].signal(number) is not None
        except ProcessLookupError:
            return False  # it died this moment

    def _suspend(self, d):
        pids = [self.stack.parts[d.part].pid]
        if pids[0] is None:
            return
        if d.part == "postgres":
            children = subprocess.run(["pgrep", "-P", str(pids[0])], capture_output=True, text=True,
                                      check=False).stdout.split()
            pids += [int(p) for p in children]
        began = time.monotonic()
        for pid in pids:
            _signal_pid(pid, signal.SIGSTOP)
        self._over.wait(d.seconds)
        for pid in pids:
            _signal_pid(pid, signal.SIGCONT)
        self.suspensions[plans.kind_of(d.part)] += 1
        if d.part.startswith("worker-") and time.monotonic() - began > plans.LEASE_S:
            self.losses["worker suspended for longer than its leases"] += 1

    def _lose_redis(self, d):
        with self._redis:
            redis = self.stack.redis
            if d.how == "kill":
                return self._kill("redis")
            redis.process.restart = False
            self._kill("redis")
            redis.process.stop()
            if d.point:
                # Who rebuilds the limits is to die of it. Dead already: it comes back armed.
                self._arm("dispatcher", d.point, d.hits)
                self._kill("dispatcher")
            if d.how == "emptied":
                for entry in os.scandir(redis.data):
                    shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)
            else:
                self.say(f"redis: {self._aof.cut(d.seconds)} bytes cut off")
            redis.process.restart = True
            try:
                redis.start()
            except StartError as e:
                self.say(str(e))

    def quieten(self):
        """Suspensions end, nothing new begins."""
        self._over.set()
        self.network.heal()
        self._aof.stop()


def _signal_pid(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
