"""The full loop: sent, delivered and read for every message, back through the webhook, counted.

A campaign as in `tools/bench campaign`; the simulator also tells sent, delivered and read of every
message, one status a POST, signed, as in life, soon after one another (50-100 ms, 100-300 ms,
200-500 ms, so that the wait is not what is measured). The gateway checks each signature and
journals it, the dispatcher applies it, its event is numbered, analytics counts it. The clock runs
from StartCampaign's reply until analytics shows reached_read = N, looked at every 0.1 s.

messages_per_s is N over that time, statuses_per_s 3 N. webhook_p99_ms is the gateway's own
histogram (kabar_gateway_webhook_duration_seconds: from a webhook's arrival to its answer, after
the journal's commit), taken as even within its bucket; webhook_p99_bucket_ms are that bucket's
ends, webhook_within_50ms is the exact share. Exact, or exit 1: each status told once, all messages
READ, nothing refused, nothing among the dead letters, the campaign COMPLETED. A status delivered
again after a 503 is no error; webhook_retries counts them.
"""

import argparse
import sys
import time
import urllib.request

import grpc

import campaign
import ground
import measure
import statements
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

STATUSES = ("sent", "delivered", "read")
SCENARIO = {"statuses": {"enabled": True, "sent_ms": [50, 100], "delivered_ms": [100, 300],
                         "read_ms": [200, 500], "delivered": 1, "read": 1, "batch": 1}}
HISTOGRAM = "kabar_gateway_webhook_duration_seconds_bucket"


def arguments(parser):
    parser.add_argument("--recipients", type=int, default=30_000, metavar="N", help="default 30000")
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="worker processes (default 1)")
    parser.add_argument("--connections", type=int, default=128, metavar="N",
                        help="webhook POSTs in flight at most (default 128)")
    statements.argument(parser)


def _await_read(client, run_id, count):
    """When analytics showed that all are READ, and its figures then."""
    pb = client.pb.analytics
    stats, last, moved = None, None, time.monotonic()
    while True:
        try:
            stats = client.analytics.GetCampaignStats(pb.GetCampaignStatsRequest(run_id=run_id))
        except grpc.RpcError as e:
            if e.code() != grpc.StatusCode.NOT_FOUND:
                raise
        if stats and stats.reached_read >= count:
            return time.time(), stats
        now = (stats.reached_sent, stats.reached_delivered, stats.reached_read) if stats else None
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > campaign.STALLED_S:
            raise StartError(f"nothing has moved for {campaign.STALLED_S} s: "
                             f"(sent, delivered, read) = {now} of {count}")
        time.sleep(0.1)


def _await_quiet(stack):
    for _ in range(300):
        if demo.sim_get(stack, "/_sim/quiet")["quiet"]:
            return
        time.sleep(0.1)


def percentile(buckets, share):
    """(value, lower end, upper end) of a histogram's percentile; `buckets` are (upper end, count
    up to it), ascending. Even within its bucket; without an upper end it is the lower one."""
    wanted = buckets[-1][1] * share
    low, below = 0.0, 0
    for high, count in buckets:
        if count >= wanted and count > below:
            if high == float("inf"):
                return low, low, high
            return low + (high - low) * (wanted - below) / (count - below), low, high
        low, below = high, count
    return low, low, low


def _webhook_answers(stack):
    """The gateway's histogram: (upper end in ms, count up to it)."""
    url = f"http://{stack.address('gateway')}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    buckets = []
    for line in lines:
        if line.startswith(HISTOGRAM):
            end = line.split('le="', 1)[1].split('"', 1)[0]
            buckets.append((float(end) * 1000, int(float(line.rsplit(" ", 1)[1]))))
    if not buckets or not buckets[-1][1]:
        raise StartError(f"{url} shows no {HISTOGRAM}")
    return sorted(buckets)


def _inexact(stack, stats, simulator, count):
    wrong = []

    def must(what, is_, should):
        if is_ != should:
            wrong.append(f"{what}: {is_}, must be {should}")

    for reached in ("reached_sent", "reached_delivered", "reached_read", "read"):
        must(f"{reached} in analytics", getattr(stats, reached), count)
    for status in STATUSES:
        must(f"{status} told by the simulator", simulator["statuses"][status], count)
    must("webhooks dropped", simulator["webhooks"]["dropped"], 0)
    must("webhooks still pending", simulator["webhooks"]["pending"], 0)
    must("dead letters", stack.postgres.query("SELECT count(*) FROM dispatcher.dead_letters"), "0")
    return wrong


def _figures(args, stack):
    client = Client({s: stack.address(s) for s in SERVICES},
                    stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
    sender = campaign.make_sender(client, stack)
    path = stack.path("morning.csv")
    morning_file.write(path, args.recipients)
    demo.import_file(client, path)
    draft = campaign.draft(client, argparse.Namespace(batch_size=1000), sender.id)
    if args.statements:
        statements.forget(stack)
    counter = measure.Cpu(stack)
    pb = client.pb.campaigns
    running = client.campaigns.StartCampaign(pb.StartCampaignRequest(id=draft.id))
    started = time.time()
    ended, stats = _await_read(client, running.run_id, args.recipients)
    cpu, others = counter.so_far()
    state = campaign.await_ended(client, draft.id)
    _await_quiet(stack)
    simulator = demo.sim_get(stack, "/_sim/summary")
    answers = _webhook_answers(stack)
    p99, low, high = percentile(answers, 0.99)
    wrong = campaign.inexact(args, stats, state, simulator)
    wrong += _inexact(stack, stats, simulator, args.recipients)
    seconds = ended - started
    last_sent = stats.last_sent_time.ToNanoseconds() / 1e9 - started
    return {
        "recipients": args.recipients, "workers": args.workers, "connections": args.connections,
        "seconds": round(seconds, 3),
        "messages_per_s": round(args.recipients / seconds, 1),
        "statuses_per_s": round(3 * args.recipients / seconds, 1),
        "webhook_p99_ms": round(p99, 2), "webhook_p99_bucket_ms": [low, high],
        "webhook_within_50ms": round(dict(answers)[50.0] / answers[-1][1], 5),
        "webhook_posts": simulator["webhooks"]["posts"],
        "webhook_retries": simulator["webhooks"]["retries"],
        "seconds_to_last_sent": round(last_sent, 3),
        "cpu_us_per_message": round(sum(cpu.values()) / args.recipients, 1),
        "cpu_us": {n: round(v / args.recipients, 1) for n, v in cpu.items()},
        "others_cpu_share": others,
        "peak_rss_mb": measure.peak_rss_mb(stack),
        "redis_peak_mb": measure.redis_peak_mb(stack),
        "inexact": wrong,
    }


def _show(f):
    low, high = f["webhook_p99_bucket_ms"]
    print(f"   {f['recipients']:,} recipients, {f['workers']} worker(s), "
          f"{f['connections']} webhook connections\n"
          f"   {f['messages_per_s']:>10,.0f} messages/s: start -> all READ in analytics "
          f"{f['seconds']:.2f} s (last SENT after {f['seconds_to_last_sent']:.2f} s)\n"
          f"   {f['statuses_per_s']:>10,.0f} statuses/s, one a POST\n"
          f"   {f['webhook_p99_ms']:>10.1f} ms webhook answers p99, by the gateway's histogram "
          f"(between {low:g} and {high:g}; {f['webhook_within_50ms']:.2%} within 50 ms); "
          f"{f['webhook_retries']} delivered again\n"
          f"   {f['cpu_us_per_message']:>10,.0f} us of CPU a message, all processes; "
          f"{f['others_cpu_share']:.0%} of the machine went to others")
    ground.show_processes(f)


def run(args):
    if min(args.recipients, args.workers, args.connections) < 1:
        print("tools/bench: every number must be at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("loop")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder, args.workers, scenario=SCENARIO,
                                flags=statements.FLAGS if args.statements else (),
                                webhook={"connections": args.connections})
    try:
        stack.start()
        figures = _figures(args, stack)
        if args.statements:
            statements.show(stack, args.recipients)
    finally:
        stack.stop()
    _show(figures)
    measure.write_json(args.json, figures)
    return 1 if figures["inexact"] else 0
