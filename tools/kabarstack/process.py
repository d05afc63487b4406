"""One supervised process: started, restarted when it dies by itself, ended cleanly."""

import ctypes
import os
import signal
import subprocess
import threading
import time


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent():
    """In the child: when the supervisor dies, however it dies, so does the process."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """Starts `argv`; restarts it with backoff until `stop`. Thread safe.

    A process that dies by itself is started again after 0.2 s, doubling up to `max_wait` (5 s); one
    minute of life resets the wait. `restarts` counts; `on_exit(name, status)` is told.
    """

    def __init__(self, name, argv, log_path, env=None, user=None, restart=True, stop_signal=signal.SIGTERM):
        self.name = name
        self.argv = argv
        self.log_path = log_path
        self.env = env
        self.user = user
        self.restart = restart
        self.stop_signal = stop_signal
        self.max_wait = 5
        self.restarts = 0
        self.last_exit = None  # code of its last end; negative: the signal
        self.peak_rss_kb = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._popen = None
        self._wanted = False
        self._thread = None

    def start(self):
        with self._lock:
            if self._wanted:
                return
            self._wanted = True
            self._spawn()
            self._thread = threading.Thread(target=self._watch, name=f"watch-{self.name}", daemon=True)
            self._thread.start()

    def _spawn(self):
        log = open(self.log_path, "ab", buffering=0)
        kwargs = {"user": self.user, "group": self.user} if self.user else {}
        self._popen = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_end_with_parent, env={**os.environ, **(self.env or {})}, cwd="/", **kwargs)
        log.close()
        self._changed.notify_all()

    def _watch(self):
        wait = 0.2
        while True:
            popen, started = self._popen, time.monotonic()
            # wait4 gives the dead process's peak memory too, so a killed one is still counted.
            _, status, usage = os.wait4(popen.pid, 0)
            popen.returncode = self.last_exit = os.waitstatus_to_exitcode(status)
            with self._lock:
                self.peak_rss_kb = max(self.peak_rss_kb, usage.ru_maxrss)
                if time.monotonic() - started > 60:
                    wait = 0.2
                if not self._wanted or not self.restart:
                    self._wanted = False
                    self._popen = None
                    self._changed.notify_all()
                    return
                self._changed.wait_for(lambda: not self._wanted, timeout=wait)
                if not self._wanted:
                    self._popen = None
                    self._changed.notify_all()
                    return
                wait = min(wait * 2, self.max_wait)
                self.restarts += 1
                self._spawn()

    @property
    def pid(self):
        popen = self._popen
        return popen.pid if popen and popen.returncode is None else None

    @property
    def running(self):
        return self.pid is not None

    def signal(self, number):
        """Sends a signal to the process as it is now (kill -9, suspend): the supervision goes on."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, number)
        return pid

    def stop(self, timeout=20):
        """Asks it to end; kills it after `timeout` seconds. True if it ended by itself."""
        with self._lock:
            self._wanted = False
            self._changed.notify_all()
            pid = self.pid
        thread = self._thread
        if thread is None:
            return True
        if pid is not None:
            try:
                os.kill(pid, self.stop_signal)
            except ProcessLookupError:
                pass
        thread.join(timeout)
        clean = not thread.is_alive()
        if not clean:
            pid = self.pid
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            thread.join()
        self._thread = None
        return clean

    def rss_peak_mb(self):
        """Peak resident memory in MB over all its lives so far."""
        peak = self.peak_rss_kb
        pid = self.pid
        if pid is not None:
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            peak = max(peak, int(line.split()[1]))
            except OSError:
                pass
        return round(peak / 1024, 1)
