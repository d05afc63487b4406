"""A whole campaign on a private stack: messages/s from start to the last message SENT.

The work: N generated shipments, the demo's conditional template (each branch with its provider
form), every service as its own process, PostgreSQL with fsync, Redis with its append-only file, and
the simulator, all on this machine. Campaign rate, sender throughput, pair rate and portfolio limit
are all checked; none binds. The clock starts with StartCampaign's reply and stops with the last
message SENT: by the time of its event (written with the outcome), and, beside it, by the
arrival of the last request in the simulator's record.

messages_per_s is by the events; cpu_us_per_message is user + system time of all processes of the
stack between start and last SENT, the simulator's included (cpu_us says whose). peak_rss_mb is each
process's peak since it started, the import included; redis_peak_mb is Redis's own count.
claim_to_start_p99_ms begins when the ledger is asked for the right to send; a slot lies at least
15 ms ahead, the time set aside for that.
"""

import os
import sys
import time
import urllib.parse

import grpc

import ground
import measure
import statements
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import OUTLETS, SERVICES
from kabarstack.stack import PROVIDER_TEMPLATES, Stack

NUMBER = "2020000"
NEVER_BINDS = "1000000/s"  # the fastest rate there is
CLAIM_TO_START = "kabar_dispatcher_claim_to_start_seconds"
STALLED_S = 120


def arguments(parser):
    parser.add_argument("--recipients", type=int, default=100_000, metavar="N", help="default 100000")
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="worker processes (default 1)")
    parser.add_argument("--batch-size", type=int, default=1000, metavar="N",
                        help="messages handed over at a time (1-1000, default 1000)")
    parser.add_argument("--statuses", action="store_true",
                        help="the simulator also sends sent, delivered and read webhooks")
    statements.argument(parser)
    parser.add_argument("--keep", action="store_true",
                        help="leave the stack up until Ctrl-C, to look around")


def make_stack(folder, workers=1, scenario=None, flags=(), webhook=None, numbers=1,
               record="summary", limits=None):
    """Numbers that never refuse for being too fast: what holds a limit is the suite itself."""
    wabas = [{"id": f"10200{i}", "name": outlet, "portfolio": outlet, "templates": PROVIDER_TEMPLATES,
              "phone_numbers": [{"id": f"20200{i}{n}", "display_phone_number": f"+62 811-1000-{i}0{n}",
                                 "throughput": 1_000_000_000} for n in range(numbers)]}
             for i, outlet in enumerate(OUTLETS)]
    return Stack(folder, os.path.join(demo.BUILD, "bin"), workers=workers,
                 options={"postgres": flags},
                 scenario=scenario or {"statuses": {"enabled": False}},
                 sim_flags=[f"--record={record}"],
                 sim_setup={"wabas": wabas, "webhook": webhook or {}, "limits": limits or {}})


def make_sender(client, stack, throughput=NEVER_BINDS, number=NUMBER):
    pb = client.pb.dispatcher
    # A limit that is checked for each recipient, and that nobody reaches.
    portfolio = client.dispatcher.CreatePortfolio(pb.CreatePortfolioRequest(
        portfolio=pb.Portfolio(name="Toko A", messaging_limit=100_000_000)))
    return client.dispatcher.CreateSender(pb.CreateSenderRequest(sender=pb.Sender(
        portfolio_id=portfolio.id, phone_number_id=number, display_phone="+628111000000",
        throughput=throughput, access_token=stack.settings["access_tokens"][demo.OUTLET])))


def draft(client, args, sender_id):
    contacts, pb = client.pb.contacts, client.pb.campaigns
    segment = client.contacts.CreateSegment(contacts.CreateSegmentRequest(
        segment=contacts.Segment(name="Paket hari ini", filter='shipment.status != ""')))
    return client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(
        name="Bench", template_id=demo.template(client).id, segment_id=segment.id,
        subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, sender_id=sender_id,
        rate=NEVER_BINDS, batch_size=args.batch_size)))


def _await_sent(client, run_id):
    """The run's figures once nothing is on its way any more. Polls twice a second: looking costs
    CPU that is measured."""
    pb = client.pb.analytics
    stats, last, moved = None, None, time.monotonic()
    while True:
        time.sleep(0.5)
        try:
            stats = client.analytics.GetCampaignStats(pb.GetCampaignStatsRequest(run_id=run_id))
        except grpc.RpcError as e:
            if e.code() != grpc.StatusCode.NOT_FOUND:
                raise
        if stats and stats.asked and not stats.queued + stats.sending + stats.not_expanded:
            return stats
        now = (stats.queued, stats.sending, stats.reached_sent) if stats else None
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise StartError(f"nothing has moved for {STALLED_S} s: (queued, sending, sent) = {now}")


def await_ended(client, campaign_id):
    pb = client.pb.campaigns
    for _ in range(600):
        now = client.campaigns.GetCampaign(pb.GetCampaignRequest(id=campaign_id))
        if now.state in (pb.COMPLETED, pb.CANCELLED, pb.FAILED):
            break
        time.sleep(0.1)
    return pb.CampaignState.Name(now.state)


def starts(stack):
    """First and last request's arrival by the simulator's record, in seconds since 1970."""
    query = urllib.parse.urlencode({"window_us": 1 << 60, "accepted": 1})
    window = demo.sim_get(stack, f"/_sim/max_in_window?{query}")
    return window["first_us"] / 1e6, window["last_us"] / 1e6


def inexact(args, stats, state, simulator):
    """Each figure that is not as it must be, as a sentence."""
    wrong = []

    def must(what, is_, should):
        if is_ != should:
            wrong.append(f"{what}: {is_}, must be {should}")

    must("asked", stats.asked, args.recipients)
    must("reached SENT", stats.reached_sent, args.recipients)
    must("messages at the simulator", simulator["distinct_messages"], args.recipients)
    must("recipients at the simulator", simulator["distinct_recipients"], args.recipients)
    must("requests accepted", simulator["accepted"], args.recipients)
    must("requests refused", simulator["refused_total"], 0)
    must("campaign", state, "COMPLETED")
    return wrong


def figures(args, stack):
    """One campaign on a started stack, measured."""
    client = Client({s: stack.address(s) for s in SERVICES},
                    stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
    sender = make_sender(client, stack)
    path = stack.path("morning.csv")
    morning_file.write(path, args.recipients)
    begun = time.time()
    imported = demo.import_file(client, path)
    import_s = time.time() - begun
    created = draft(client, args, sender.id)
    if args.statements:
        statements.forget(stack)
    counter = measure.Cpu(stack)
    pb = client.pb.campaigns
    running = client.campaigns.StartCampaign(pb.StartCampaignRequest(id=created.id))
    started = time.time()
    stats = _await_sent(client, running.run_id)
    cpu, others = counter.so_far()
    state = await_ended(client, created.id)
    wrong = inexact(args, stats, state, demo.sim_get(stack, "/_sim/summary"))
    first_request, last_request = starts(stack)
    seconds = stats.last_sent_time.ToNanoseconds() / 1e9 - started
    return {
        "recipients": args.recipients,
        "workers": args.workers,
        "seconds": round(seconds, 3),
        "messages_per_s": round(args.recipients / seconds, 1),
        "to_first_request_s": round(first_request - started, 3),
        "seconds_by_simulator": round(last_request - started, 3),
        "messages_per_s_by_simulator": round(args.recipients / (last_request - started), 1),
        "cpu_us_per_message": round(sum(cpu.values()) / args.recipients, 1),
        "cpu_us": {n: round(v / args.recipients, 1) for n, v in cpu.items()},
        "others_cpu_share": others,
        "peak_rss_mb": measure.peak_rss_mb(stack),
        "redis_peak_mb": measure.redis_peak_mb(stack),
        "claim_to_start_p99_ms": measure.quantile_ms(measure.histogram(
            stack, [f"worker-{i + 1}" for i in range(args.workers)], CLAIM_TO_START), 0.99),
        "import_rows_per_s": round(imported.rows / import_s, 1),
        "inexact": wrong,
    }


def _show(f):
    print(f"   {f['recipients']:,} recipients, {f['workers']} worker(s)\n"
          f"   {f['messages_per_s']:>10,.0f} messages/s: start -> last SENT {f['seconds']:.2f} s\n"
          f"   {f['messages_per_s_by_simulator']:>10,.0f} messages/s by the simulator's record: "
          f"start -> last request {f['seconds_by_simulator']:.2f} s "
          f"(the first after {f['to_first_request_s']:.2f} s)\n"
          f"   {f['cpu_us_per_message']:>10,.0f} us of CPU a message, all processes; "
          f"{f['others_cpu_share']:.0%} of the machine went to others\n"
          f"   {f['redis_peak_mb']:>10,.0f} MB peak in Redis\n"
          f"   {f['claim_to_start_p99_ms']:>10,.1f} ms from claim to request, p99\n"
          f"   {f['import_rows_per_s']:>10,.0f} rows/s imported before")
    ground.show_processes(f)


def run(args):
    if args.recipients < 1 or args.workers < 1:
        print("tools/bench: --recipients and --workers: at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = make_stack(folder, args.workers, {"statuses": {"enabled": args.statuses}},
                       statements.FLAGS if args.statements else ())
    code = 1
    try:
        stack.start()
        measured = figures(args, stack)
        _show(measured)
        if args.statements:
            statements.show(stack, args.recipients)
        measure.write_json(args.json, measured)
        code = 1 if measured["inexact"] else 0
        if args.keep:
            demo.keep(stack)
    finally:
        killed = stack.stop()
        if killed:
            print(f"tools/bench: had to be killed: {', '.join(killed)}", file=sys.stderr)
            code = 1
    return code
