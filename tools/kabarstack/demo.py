"""tools/demo: the morning campaign, end to end, on a private stack.

Imports a morning file, defines template and segment, schedules the campaign, sends it through the
real services to the Cloud API simulator, shows live figures, takes some YA/TIDAK answers, ends
with a report. Exits 0 only if every figure adds up and agrees with what the simulator received.
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import sys
import time
import urllib.request

import grpc

from . import morning_file
from .client import Client, describe
from .report import figures, problems, show
from .servers import StartError
from .settings import SERVICES
from .stack import Stack

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("KABAR_BUILD", os.path.join(ROOT, "build", "release"))
OUTLET = "toko-a"
# Some customers answer, so that the last step of the loop is seen too.
SCENARIO = {"customers": {"answer": 0.1, "delay_ms": [1000, 5000]},
            "statuses": {"read_ms": [500, 5000]}}


def arguments():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=2000, metavar="N",
                        help="shipments in the generated morning file (default 2000)")
    parser.add_argument("--rate", default="6000/min",
                        help="sending rate (default 6000/min; real outlets use 45/min)")
    parser.add_argument("--csv", metavar="FILE", help="your own morning file instead")
    parser.add_argument("--json", metavar="FILE", help="the final figures for programs")
    parser.add_argument("--keep", action="store_true",
                        help="leave the stack up and say how to reach it")
    args = parser.parse_args()
    if args.recipients < 1:
        parser.error("--recipients: at least 1")
    if args.csv and not os.path.isfile(args.csv):
        parser.error(f"--csv: there is no file {args.csv}")
    return args


def step(text):
    print(f"\n== {text}", flush=True)


def import_file(client, path):
    pb = client.pb.contacts

    def parts():
        yield pb.ImportContactsRequest(options=pb.ImportOptions())
        with open(path, "rb") as f:
            while data := f.read(256 * 1024):
                yield pb.ImportContactsRequest(data=data)

    result = client.contacts.ImportContacts(parts(), timeout=600)
    print(f"   {result.rows} rows: {result.accepted} accepted, {result.refused} refused")
    for problem in result.problems[:5]:
        print(f"   row {problem.row}, {problem.column}: {problem.message}")
    return result


def sender(client, stack):
    """The outlet's first number, registered with the dispatcher."""
    pb = client.pb.dispatcher
    number = 0
    existing = client.dispatcher.ListSenders(pb.ListSendersRequest()).senders
    if existing:
        return existing[0].id
    portfolio = client.dispatcher.CreatePortfolio(pb.CreatePortfolioRequest(
        portfolio=pb.Portfolio(name="Toko A", messaging_limit=100_000)))
    made = client.dispatcher.CreateSender(pb.CreateSenderRequest(sender=pb.Sender(
        portfolio_id=portfolio.id, phone_number_id=f"20200{number}0",
        display_phone="+628111000000", throughput="1000/s",
        access_token=stack.settings["access_tokens"][OUTLET])))
    return made.id


def template(client):
    pb = client.pb.templates
    return client.templates.CreateTemplate(pb.CreateTemplateRequest(template=pb.Template(
        code=f"pagi-{int(time.time())}", message=morning_file.MESSAGE, missing_data=pb.LENIENT)))


def campaign(client, args, sender_id, template_id):
    contacts, pb = client.pb.contacts, client.pb.campaigns
    segment = client.contacts.CreateSegment(contacts.CreateSegmentRequest(segment=contacts.Segment(
        name=f"Paket hari ini {int(time.time())}", filter='shipment.status != ""')))
    count = client.contacts.CountSegment(contacts.CountSegmentRequest(segment_id=segment.id))
    print(f"   segment: {count.contacts} contacts, {count.shipments} shipments")
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    made = client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(
        name="Kabar pagi", template_id=template_id, segment_id=segment.id,
        subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, sender_id=sender_id,
        rate=args.rate, start=start.isoformat(timespec="seconds"))))
    preflight(client, made.id)
    return client.campaigns.ScheduleCampaign(pb.ScheduleCampaignRequest(id=made.id))


def preflight(client, campaign_id):
    """What the campaign would do, before it does it."""
    pb = client.pb.campaigns
    for part in client.campaigns.PreflightCampaign(
            pb.PreflightCampaignRequest(id=campaign_id), timeout=600):
        told = part.summary  # of the last one
    print(f"   preflight: {told.to_send} of {told.audience} would be sent ({told.as_template} as "
          f"templates), {told.suppressed} suppressed, {told.refused} refused")
    for reason in told.reasons[:5]:
        print(f"   {reason.messages} {reason.reason}: {reason.advice}")
    if told.samples:
        print(f"   first text: {told.samples[0].text}")
    print(f"   cost by the example's rate card: Rp{told.cost.rupiah:,}".replace(",", "."))


def wait_running(client, campaign_id):
    pb = client.pb.campaigns
    while True:
        now = client.campaigns.GetCampaign(pb.GetCampaignRequest(id=campaign_id))
        if now.state not in (pb.DRAFT, pb.SCHEDULED):
            return now
        time.sleep(0.1)


def progress_line(stats, started):
    done = stats.asked - stats.queued - stats.sending - stats.not_expanded
    width = 30
    full = width * done // stats.asked if stats.asked else 0
    eta = f"{stats.eta_seconds} s" if stats.eta_seconds >= 0 else "-"
    return (f"   [{'#' * full}{'.' * (width - full)}] {done}/{stats.asked}  sent {stats.reached_sent}"
            f"  delivered {stats.reached_delivered}  read {stats.reached_read}  failed {stats.failed}"
            f"  {stats.rate_per_min:.0f}/min  ETA {eta}  {time.monotonic() - started:.0f} s")


def sim_get(stack, path):
    with urllib.request.urlopen(f"{stack.sim_url}{path}", timeout=30) as answer:
        return json.load(answer)


def watch(client, stack, run, started):
    """Shows the run until nothing of it moves any more: the campaign has ended, the simulator has
    no webhook left, and analytics has counted the last of them."""
    pb, analytics = client.pb.campaigns, client.pb.analytics
    still, last, shown, waiting = 0, None, 0.0, ""
    while still < 3:
        try:
            stats = client.analytics.GetCampaignStats(
                analytics.GetCampaignStatsRequest(run_id=run.run_id))
        except grpc.RpcError as e:
            # The run's first event is on its way still.
            if e.code() != grpc.StatusCode.NOT_FOUND or time.monotonic() - started > 30:
                raise
            time.sleep(0.1)
            continue
        now = client.campaigns.GetCampaign(pb.GetCampaignRequest(id=run.id))
        state = now.state
        ended = state in (pb.COMPLETED, pb.CANCELLED, pb.FAILED)
        if now.state_reason != waiting and not ended:
            waiting = now.state_reason
            print(("\n" if sys.stdout.isatty() else "")
                  + (f"   waits: {waiting}" if waiting else "   goes on"), flush=True)
        if sys.stdout.isatty():
            print("\r" + progress_line(stats, started), end="", flush=True)
        elif time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(progress_line(stats, started), flush=True)
        counted = analytics.CampaignStats()
        counted.CopyFrom(stats)
        quiet = ended and sim_get(stack, "/_sim/quiet").get("quiet", False)
        for clocked in ("rate_per_min", "eta_seconds"):  # these move with time alone
            counted.ClearField(clocked)
        key = counted.SerializeToString(deterministic=True) if quiet else None
        still = still + 1 if quiet and key == last else 0
        last = key
        time.sleep(0.25)
    print(("\r" if sys.stdout.isatty() else "") + progress_line(stats, started))
    return stats


def run(args, stack, client):
    file = args.csv
    if not file:
        file = stack.path("morning.csv")
        morning_file.write(file, args.recipients, seed=int(time.time()) % 89 + 10)
    step(f"Import the morning file ({os.path.basename(file)})")
    imported = import_file(client, file)
    step("Template, segment, campaign")
    sender_id = sender(client, stack)
    made = campaign(client, args, sender_id, template(client).id)
    print(f"   campaign {made.id}: {made.state_reason or 'scheduled'}, rate {args.rate} "
          "(real outlets use 45/min)")
    step("Send")
    current = wait_running(client, made.id)
    started = time.monotonic()
    stats = watch(client, stack, current, started)
    step("Report")
    result = figures(imported, stats, sim_get(stack, "/_sim/summary"),
                     {n: p.rss_peak_mb() for n, p in stack.parts.items()})
    show(result)
    return result


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the stack on its way out
    # A demo counts what the simulator received, so it has a stack of its own, fresh each time.
    folder = os.path.join(ROOT, ".kabar", "demo")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755)
    stack = Stack(folder, os.path.join(BUILD, "bin"), scenario=SCENARIO)
    step("Start PostgreSQL, Redis, the services and the Cloud API simulator")
    code, client = 1, None
    try:
        stack.start()
        client = Client({s: stack.address(s) for s in SERVICES},
                        stack.settings["keys"][f"{OUTLET}-owner"], BUILD)
        result = run(args, stack, client)
        wrong = problems(result)
        if args.json:
            with open(args.json, "w", encoding="utf-8") as f:
                json.dump(result, f, indent=1)
        for line in wrong:
            print(f"   DOES NOT ADD UP: {line}")
        print("\n" + ("Every figure adds up and agrees with the simulator's record." if not wrong
                      else f"{len(wrong)} figures do not add up; the logs are in {stack.logs}"))
        code = 1 if wrong else 0
        if args.keep:
            keep(stack)
    except StartError as e:
        print(f"tools/demo: {e}", file=sys.stderr)
    except grpc.RpcError as e:
        print(f"\ntools/demo: {describe(e)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ntools/demo: stopped")
    finally:
        if client:
            client.close()
        killed = stack.stop()
        if killed:
            print(f"tools/demo: had to be killed: {', '.join(killed)}", file=sys.stderr)
            code = 1
    sys.exit(code)


def keep(stack):
    print("\nThe stack stays up until Ctrl-C. In another terminal:")
    for service in SERVICES:
        print(f"  export KABAR_{service.upper()}_ADDRESS={stack.address(service)}")
    print(f"  export KABAR_API_KEY={stack.settings['keys'][f'{OUTLET}-owner']}")
    print(f"  build/release/bin/kabarctl campaigns list\nThe simulator: {stack.sim_url}/_sim/summary",
          flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
