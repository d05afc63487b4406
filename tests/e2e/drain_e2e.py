"""SIGTERM in the middle of a run: each process ends within its grace period, nothing is lost or
doubled, and the log names what still ran."""

import json
import os
import signal
import subprocess
import time

from kabarstack.settings import SERVICES
from stage import BIN, People, StageTest, eventually

GRACE = 2  # --stop-timeout of a worker: shorter than the slowest answers
SERVER_GRACE = 10  # of rpc::ServerRunner; the drain pause is 0 here
OVERHEAD = 6  # from the last outcome to the end of the process, on a very busy machine
PATIENT = ["--lease=8s", "--request-timeout=6s"]
SLOW = {"kind": "uniform", "min_ms": 50, "max_ms": 4500}
CUT_OFF = "the grace period is over"


class Drain(StageTest):
    stage_options = {"workers": 2, "options": {
        "dispatcher": ["--unknown-window=25s", *PATIENT],
        "worker": [*PATIENT, f"--stop-timeout={GRACE}s", "--provider-connections=400"]}}

    def setUp(self):
        self.addCleanup(self.stage.play)

    def test_each_process_told_to_stop_while_answers_are_slow(self):
        people = People(2400)
        # Statuses come after the end of the grace period: what was cut off is UNKNOWN until then.
        self.stage.play(latency=SLOW,
                        statuses={"sent_ms": [10000, 11000], "delivered_ms": 50, "read_ms": 50})
        run = self.stage.send(self.a, people, rate="6000/min")
        run.wait_sent(200)

        log = self.terminate("worker-1", GRACE)
        named = [line for line in log if CUT_OFF in line["msg"]]
        self.assertEqual([(line["lane_id"], line["sender_id"]) for line in named],
                         [(run.get().run_id, self.stage.sender(self.a))], log)
        cut_off = named[0]["in_flight"]
        self.assertGreater(cut_off, 0)
        self.assertIn("worker drained", [line["msg"] for line in log])
        self.assertEqual([line for line in log if line["level"] == "error"], [])
        from kabar.events.v1 import events_pb2  # generated when the stage started
        unknown = run.messages(state=events_pb2.MessageState.Value("UNKNOWN"))
        self.assertEqual({m.reason for m in unknown}, {"NO_ANSWER"})
        self.assertEqual(len(unknown), cut_off, "what the log names is UNKNOWN")
        self.goes_on(run)

        self.terminate("dispatcher", SERVER_GRACE)
        self.stage.stack.wait_serving(30)
        self.goes_on(run)
        self.terminate("worker-2", GRACE)
        self.assertEqual(run.state, "RUNNING", "the run was over before all had been stopped")
        self.exact(run)

    def test_a_worker_whose_requests_end_in_time_names_nothing(self):
        run = self.stage.send(self.a, People(1500), rate="6000/min")
        run.wait_sent(100)
        log = self.terminate("worker-1", GRACE)
        self.assertEqual([line for line in log if line["level"] != "info"], [])
        self.assertIn("worker drained", [line["msg"] for line in log])
        self.assertEqual(run.stats().unknown, 0)
        self.goes_on(run)
        self.exact(run)

    def terminate(self, name, grace):
        """SIGTERM; what its log says from then on until its end. It starts again by itself."""
        part = self.stage.stack.parts[name]
        with open(part.log_path, "rb") as f:
            before = f.seek(0, os.SEEK_END)
        part.last_exit, restarts, told = None, part.restarts, time.monotonic()
        pid = part.signal(signal.SIGTERM)
        self.assertIsNotNone(pid, f"{name} did not run")
        eventually(f"{name} ends", lambda: part.last_exit is not None, 60, every=0.01)
        took = time.monotonic() - told
        with open(part.log_path, "rb") as f:
            f.seek(before)
            lines = [json.loads(line) for line in f.read().splitlines() if line.startswith(b"{")]
        self.assertEqual(part.last_exit, 0, f"{name} after {took:.1f} s: {lines[-5:]}")
        self.assertLess(took, grace + OVERHEAD, f"{name}: {lines[-5:]}")
        eventually(f"{name} starts again", lambda: part.restarts > restarts and part.running)
        return [line for line in lines if line.get("pid", pid) == pid]

    def goes_on(self, run):
        sent = run.sent()
        eventually("sending goes on", lambda: run.sent() >= sent + 50)

    def exact(self, run):
        run.wait_ended(120)
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual((figures["reached"]["sent"], figures["state"]["unknown"]),
                         (len(run.phones), 0), figures)
        self.assertEqual(len(self.stage.starts(run.phones)), len(run.phones), "no request twice")
        env = {"PATH": os.environ["PATH"],
               "KABAR_API_KEY": self.stage.stack.settings["keys"]["toko-a-viewer"],
               **{f"KABAR_{s.upper()}_ADDRESS": self.stage.stack.address(s) for s in SERVICES}}
        done = subprocess.run([os.path.join(BIN, "kabarctl"), "verify", run.id], env=env, check=False,
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
