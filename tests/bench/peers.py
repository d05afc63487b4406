"""The same job beside BullMQ, in one run: messages/s of both, the ratio, CPU a message.

The job: N recipients, the morning's conditional template (about 200 bytes, 6 variables) rendered for
each, one POST each over HTTP/1.1 keep-alive to the same simulator program with the same flags and
set-up, limits checked and never binding, SENT durable in PostgreSQL (fsync on), Redis with its
append-only file; the same server settings, everything on this machine, one side after the other.

Ours is `tools/bench campaign`: from StartCampaign to the last message SENT, with the audience read
from contacts, a ledger that can tell every attempt, four limits a message (campaign, number, pair,
portfolio), events and analytics.

BullMQ (npm, the versions of peers/package-lock.json) does less and is tuned in its favour:
- the recipients are in the producer's memory before the clock starts, phones normalised;
- with one worker process and with two (--bullmq-workers), each of concurrency 200; the faster one
  counts. On two cores one is mostly faster: fewer, fuller writes to Redis;
- the workers wait before the producer starts; the producer is a process of its own; all of them are
  warmed up with --warmup messages before the clock (ours is not);
- one queue, as one outlet has one number; addBulk by 1000; the variables travel as an array;
- the worker renders with a plain function (a template engine is slower), posts with undici's
  dispatch (its request() and Node's http cost more), as many kept-alive connections as jobs at once;
- one INSERT of arrays and one commit for up to 500 outcomes or 5 ms, on two connections a process;
  there is no row before that: no claim, no ledger, no state to forward;
- removeOnComplete, so that Redis stays small; its one limit is the queue's limiter at 1000000/s;
- ioredis over a unix socket, through the client BullMQ itself is tested with.
Its clock runs from just before the first addBulk to the last commit, by the processes' own stamps.

--runs N takes both sides N times in turn and reports the run of the median ratio, of those runs
during which others used at most 5% of the cores, if there are any (`comparable`); a ratio taken
beside other work says little. `cpu_ratio`, BullMQ's CPU a message over ours, suffers less from it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import grpc

import campaign
import measure
import node_packages
import throttle
from kabarstack import demo, morning_file
from kabarstack.client import describe
from kabarstack.process import Process
from kabarstack.servers import StartError

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")
FOLDER = os.path.join(demo.ROOT, ".kabar", "peers")
TABLE = ("CREATE TABLE peer_messages (id bigint PRIMARY KEY, recipient text NOT NULL,"
         " text text NOT NULL, provider_id text NOT NULL, state text NOT NULL,"
         " sent_at timestamptz NOT NULL)")
VARIABLES = ["nama", "no_resi", "status_pengiriman", "lokasi", "estimasi", "alasan_keterlambatan",
             "estimasi_baru"]
OTHERS_AT_MOST = 0.05  # of the cores
WARMUP_FIRST = 50_000_000  # other people than those of the job


def arguments(parser):
    parser.add_argument("--recipients", type=int, default=30_000, metavar="N", help="default 30000")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="our worker processes (default 1)")
    parser.add_argument("--bullmq-workers", type=throttle.list_of(int), default=[1, 2],
                        metavar="N,...", help="BullMQ's worker processes, each of these in turn; "
                                              "the fastest counts (default 1,2)")
    parser.add_argument("--concurrency", type=int, default=200, metavar="N",
                        help="of each BullMQ worker process (default 200)")
    parser.add_argument("--bulk", type=int, default=1000, metavar="N", help="addBulk by (default 1000)")
    parser.add_argument("--warmup", type=int, default=2000, metavar="N",
                        help="messages through BullMQ before its clock starts (default 2000)")
    parser.add_argument("--no-limiter", action="store_true",
                        help="BullMQ without any limit: for comparison, not the job")


class _Peer:
    """PostgreSQL, Redis and the simulator exactly as our stack starts them, and BullMQ's processes.
    `parts`, `postgres`, `redis` as measure.py wants them."""

    def __init__(self, folder, node_folder, workers):
        self.stack = campaign.make_stack(folder)
        self.logs, self.postgres, self.redis = self.stack.logs, self.stack.postgres, self.stack.redis
        self.parts = {n: self.stack.parts[n] for n in ("postgres", "redis", "cloudsim")}
        script = os.path.join(node_folder, "bullmq.mjs")
        self.config = self.stack.path("peer.json")
        self.workers = [f"worker-{i + 1}" for i in range(workers)]
        for name in [*self.workers, "producer"]:
            self.parts[name] = Process(
                name, ["node", script, name.split("-", maxsplit=1)[0], self.config],
                os.path.join(self.logs, f"{name}.log"), env={"NODE_ENV": "production"}, restart=False)

    def configure(self, args, files):
        config = {
            "queue": demo.OUTLET, "recipients": files, "bulk": args.bulk,
            "redis": self.redis.socket, "postgres": self.postgres.socket_dir,
            "provider": self.stack.sim_url, "number": campaign.NUMBER,
            "token": self.stack.settings["access_tokens"][demo.OUTLET],
            "concurrency": args.concurrency, "flush_rows": 500, "flush_ms": 5,
            "limiter": None if args.no_limiter else {"max": 1_000_000, "duration": 1000},
        }
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump(config, f)

    def said(self, name):
        """What the process has printed: its JSON lines."""
        with open(self.parts[name].log_path, encoding="utf-8", errors="replace") as f:
            return [json.loads(line) for line in f if line.startswith("{") and line.endswith("}\n")]

    def until(self, what, done):
        """Waits for done(); an error if a process ended or nothing was said for long."""
        before, moved = None, time.monotonic()
        while not done():
            for name, part in self.parts.items():
                if not part.running:
                    raise StartError(f"{name} has ended before {what}")
            now = [self.said(name)[-1:] for name in [*self.workers, "producer"]]
            if now != before:
                before, moved = now, time.monotonic()
            elif time.monotonic() - moved > campaign.STALLED_S:
                raise StartError(f"{what}: nothing has moved for {campaign.STALLED_S} s: {now}")
            time.sleep(0.2)

    def start(self):
        self.postgres.start()
        self.postgres.query(TABLE)
        self.redis.start()
        self.parts["cloudsim"].start()
        for name in [*self.workers, "producer"]:
            self.parts[name].start()
        self.until("the start", lambda: self.simulator_up() and all(
            self.said(name) for name in [*self.workers, "producer"]))

    def simulator_up(self):
        try:
            return bool(demo.sim_get(self.stack, "/_sim/quiet"))
        except OSError:
            return False

    def sent(self):
        last = [self.said(name)[-1] for name in self.workers]
        return sum(line.get("sent", 0) for line in last), max(line.get("last_ms", 0) for line in last)

    def produce(self, total):
        """The producer's next file; returns (when it began, when the last row of `total` in all was
        durable) in seconds since 1970."""
        runs = sum("started_ms" in line for line in self.said("producer")) + 1
        self.parts["producer"].signal(signal.SIGUSR2)
        self.until("the last message is SENT", lambda: self.sent()[0] >= total and runs == sum(
            "started_ms" in line for line in self.said("producer")))
        return self.said("producer")[-1]["started_ms"] / 1000, self.sent()[1] / 1000

    def stop(self):
        killed = []
        for name in ["producer", *self.workers, "cloudsim", "redis", "postgres"]:
            if not self.parts[name].stop():
                killed.append(name)
        return killed


def _write_recipients(path, first, rows):
    with open(path, "w", encoding="utf-8") as f:
        json.dump([[first + i, morning_file.phone(first + i)[1], *(row[v] for v in VARIABLES)]
                   for i, row in enumerate(rows)], f)


def _peer_inexact(peer, rows, count):
    """Each figure of BullMQ's side that is not as it must be, as a sentence."""
    wrong = []

    def must(what, is_, should):
        if is_ != should:
            wrong.append(f"{what}: {is_}, must be {should}")

    simulator = demo.sim_get(peer.stack, "/_sim/summary")
    must("messages at the simulator", simulator["distinct_messages"], count)
    must("recipients at the simulator", simulator["distinct_recipients"], count)
    must("requests accepted", simulator["accepted"], count)
    must("requests refused", simulator["refused_total"], 0)
    texts = peer.postgres.query("SELECT text FROM peer_messages WHERE state = 'SENT' ORDER BY id")
    texts = texts.splitlines()
    must("reached SENT", len(texts), count)
    differ = sum(a != morning_file.expected_text(b) for a, b in zip(texts, rows))
    must("texts other than they should be", differ, 0)
    return wrong


def _bullmq(args, node_folder, workers):
    folder = _fresh(os.path.join(FOLDER, "bullmq"))
    peer = _Peer(folder, node_folder, workers)
    try:
        rows = list(morning_file.rows(args.recipients))
        files = [peer.stack.path("warmup.json"), peer.stack.path("morning.json")]
        _write_recipients(files[0], WARMUP_FIRST, morning_file.rows(args.warmup, first=WARMUP_FIRST))
        _write_recipients(files[1], 0, rows)
        peer.configure(args, files)
        peer.start()
        peer.produce(args.warmup)
        _post(peer.stack, "/_sim/reset")
        peer.postgres.query("TRUNCATE peer_messages")
        counter = measure.Cpu(peer)
        started, ended = peer.produce(args.warmup + args.recipients)
        cpu, others = counter.so_far()
        seconds = ended - started
        return {"workers": workers, "seconds": round(seconds, 3),
                "messages_per_s": round(args.recipients / seconds, 1),
                "cpu_us_per_message": round(sum(cpu.values()) / args.recipients, 1),
                "cpu_us": {n: round(v / args.recipients, 1) for n, v in cpu.items()},
                "others_cpu_share": others,
                "peak_rss_mb": measure.peak_rss_mb(peer),
                "redis_peak_mb": measure.redis_peak_mb(peer),
                "inexact": _peer_inexact(peer, rows, args.recipients)}
    except (StartError, OSError) as e:
        raise StartError(f"BullMQ: {e}; the logs are in {peer.logs}") from e
    finally:
        peer.stop()


def _post(stack, path):
    urllib.request.urlopen(
        urllib.request.Request(f"{stack.sim_url}{path}", data=b""), timeout=30).close()


def _ours(args):
    stack = campaign.make_stack(_fresh(os.path.join(FOLDER, "ours")), args.workers)
    try:
        stack.start()
        return campaign.figures(argparse.Namespace(
            recipients=args.recipients, workers=args.workers, batch_size=1000, statements=False), stack)
    except (StartError, OSError) as e:
        raise StartError(f"ours: {e}; the logs are in {stack.logs}") from e
    except grpc.RpcError as e:
        raise StartError(f"ours: {describe(e)}; the logs are in {stack.logs}") from e
    finally:
        stack.stop()


def _fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755)
    return folder


def _one(args, node_folder):
    tried = [_bullmq(args, node_folder, workers) for workers in args.bullmq_workers]
    bullmq, ours = max(tried, key=lambda f: f["messages_per_s"]), _ours(args)
    return {"recipients": args.recipients, "ours_per_s": ours["messages_per_s"],
            "bullmq_per_s": bullmq["messages_per_s"],
            "ratio": round(ours["messages_per_s"] / bullmq["messages_per_s"], 2),
            "cpu_ratio": round(bullmq["cpu_us_per_message"] / ours["cpu_us_per_message"], 2),
            "comparable": max(f["others_cpu_share"] for f in [*tried, ours]) <= OTHERS_AT_MOST,
            "ours_cpu_us_per_message": ours["cpu_us_per_message"],
            "bullmq_cpu_us_per_message": bullmq["cpu_us_per_message"],
            "inexact": [f"ours: {w}" for w in ours["inexact"]]
                       + [f"BullMQ: {w}" for one in tried for w in one["inexact"]],
            "ours": ours, "bullmq": bullmq, "bullmq_tried": tried}


def _show(f):
    print(f"   {'':<20}{'messages/s':>12}{'seconds':>10}{'CPU us/message':>16}{'Redis peak MB':>15}"
          f"{'CPU to others':>15}")
    sides = [(f"bullmq, {one['workers']} worker(s)", one) for one in f["bullmq_tried"]]
    sides.append((f"ours, {f['ours']['workers']} worker(s)", f["ours"]))
    for name, one in sides:
        print(f"   {name:<20}{one['messages_per_s']:>12,.0f}{one['seconds']:>10.2f}"
              f"{one['cpu_us_per_message']:>16.0f}{one['redis_peak_mb']:>15.0f}"
              f"{one['others_cpu_share']:>15.0%}")
    print(f"   ratio {f['ratio']:.2f} to the faster one, by CPU {f['cpu_ratio']:.2f}"
          f"{'' if f['comparable'] else '; NOT COMPARABLE: others used the machine'}\n")
    for name, one in sides:
        cpu = ", ".join(f"{n} {us:.0f}" for n, us in one["cpu_us"].items() if us >= 0.5)
        print(f"   CPU us/message, {name}: {cpu}")
    for line in f["inexact"]:
        print(f"   NOT EXACT: {line}")


def run(args):
    if min(args.recipients, args.runs, args.workers, args.concurrency, args.bulk, args.warmup,
           *args.bullmq_workers) < 1:
        print("tools/bench: every number must be at least 1", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the stack on its way out
    print(measure.machine(), flush=True)
    node_folder = os.path.join(FOLDER, "node")
    runs = []
    try:
        node_packages.install(SOURCE, node_folder, "bullmq.mjs")
        for _ in range(args.runs):
            runs.append(_one(args, node_folder))
            _show(runs[-1])
            print(flush=True)
    except (StartError, OSError) as e:
        print(f"tools/bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntools/bench: stopped")
        return 1
    counted = sorted([f for f in runs if f["comparable"]] or runs, key=lambda f: f["ratio"])
    figures = counted[(len(counted) - 1) // 2]
    figures = {**figures, "ratios": [f["ratio"] for f in runs],
               "inexact": [w for f in runs for w in f["inexact"]]}
    if args.runs > 1:
        print(f"   the median ratio of {len(counted)} runs: {figures['ratio']:.2f}")
    measure.write_json(args.json, figures)
    return 1 if figures["inexact"] else 0
