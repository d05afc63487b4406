"""Kills, suspends and bereaves the stack's parts, each at its planned moment."""

import collections
import glob
import os
import shutil
import signal
import subprocess
import threading
import time

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
        self.suspended = []  # (part, pid, from, to) by time.time()
        self._aof = AofSizes(stack.redis)
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
        elif self._signal(d.part, signal.SIGQUIT if d.how == "immediate" else signal.SIGKILL):
            self.kills[_kind(d.part)] += 1

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
        began = time.time()
        for pid in pids:
            _signal_pid(pid, signal.SIGSTOP)
        self._over.wait(d.seconds)
        for pid in pids:
            _signal_pid(pid, signal.SIGCONT)
        self.suspended.append((d.part, pids[0], began, time.time()))
        self.suspensions[_kind(d.part)] += 1

    def _lose_redis(self, d):
        with self._redis:
            redis = self.stack.redis
            if d.how == "kill":
                self._signal("redis", signal.SIGKILL)
                self.kills["redis"] += 1
                return
            redis.process.restart = False
            self._signal("redis", signal.SIGKILL)
            redis.process.stop()
            if d.how == "emptied":
                for entry in os.scandir(redis.data):
                    shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)
            else:
                self.say(f"redis: {self._aof.cut(d.seconds)} bytes cut off")
            redis.process.restart = True
            self.kills["redis"] += 1
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


def _kind(part):
    return "worker" if part.startswith("worker-") else part
