"""Fairness: a trigger beside a large campaign, two campaigns of one number, a full lane beside another.

1. A campaign of N recipients runs on a number that is not saturated (its own rate is half of the
   number's throughput) while trigger messages are published at a steady pace: from PublishEvent's
   call to the arrival of the request in the simulator's record (trigger_start_*_ms: automations,
   rendering, ledger and slot included; the first second is left out, as connections are made).
2. Two campaigns of equal priority share a number that both could fill: even_share is the smaller
   one's part of the larger one's, second by second, the median (1: the same).
3. Meanwhile a third campaign on another number of the portfolio: other_number_used is the part of
   its own rate that it reached while the first number's lanes were full.

The campaign of 1 need not end: it runs as long as the triggers do.
"""

import json
import math
import statistics
import sys
import threading
import time
import urllib.request

import campaign
import ground
import measure
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

MESSAGE = ('{{provider "pesanan_baru" "id" nama documentnumber productname}}'
           "Halo {{nama}}, pesanan {{documentnumber}} untuk {{productname}} kami terima. Terima kasih!")
BOUND_MS = 100.0
EVEN = 0.8


def arguments(parser):
    parser.add_argument("--recipients", type=int, default=1_000_000, metavar="N",
                        help="of the campaign beside the triggers (default 1000000)")
    parser.add_argument("--triggers", type=int, default=600, metavar="N",
                        help="trigger messages (default 600)")
    parser.add_argument("--pace", type=float, default=10, metavar="R",
                        help="trigger messages a second (default 10)")
    parser.add_argument("--rate", type=int, default=500, metavar="R",
                        help="the campaign's messages a second, half of its number's (default 500)")
    parser.add_argument("--seconds", type=int, default=20, metavar="S",
                        help="how long campaigns share a number (default 20)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="default 1")


class House:
    """One outlet on a started stack, with all recipients imported."""

    def __init__(self, stack, recipients):
        self.stack = stack
        self.client = Client({s: stack.address(s) for s in SERVICES},
                             stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
        path = stack.path("morning.csv")
        morning_file.write(path, recipients)
        demo.import_file(self.client, path)
        contacts = self.client.pb.contacts
        self.segment = self.client.contacts.CreateSegment(contacts.CreateSegmentRequest(
            segment=contacts.Segment(name="Semua", filter='shipment.status != ""'))).id
        self.template = demo.template(self.client).id
        pb = self.client.pb.dispatcher
        self.portfolio = self.client.dispatcher.CreatePortfolio(pb.CreatePortfolioRequest(
            portfolio=pb.Portfolio(name="Toko A", messaging_limit=100_000_000))).id

    def sender(self, number, throughput):
        pb = self.client.pb.dispatcher
        return self.client.dispatcher.CreateSender(pb.CreateSenderRequest(sender=pb.Sender(
            portfolio_id=self.portfolio, phone_number_id=number, display_phone="+628111000000",
            throughput=throughput, pair_rate="1000/s",
            access_token=self.stack.settings["access_tokens"][demo.OUTLET]))).id

    def start(self, name, sender, rate):
        contacts, pb = self.client.pb.contacts, self.client.pb.campaigns
        draft = self.client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(
            name=name, template_id=self.template, segment_id=self.segment, sender_id=sender,
            subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, rate=rate)))
        return self.client.campaigns.StartCampaign(pb.StartCampaignRequest(id=draft.id)).id

    def cancel(self, campaign_id):
        pb = self.client.pb.campaigns
        self.client.campaigns.CancelCampaign(pb.CancelCampaignRequest(id=campaign_id))

    def automate(self, sender):
        pb, templates = self.client.pb.triggers, self.client.pb.templates
        template = self.client.templates.CreateTemplate(templates.CreateTemplateRequest(
            template=templates.Template(code="pesanan", message=MESSAGE,
                                        missing_data=templates.STRICT))).id
        self.client.triggers.CreateAutomation(pb.CreateAutomationRequest(automation=pb.Automation(
            name="lunas", event_type=pb.ORDER_PAID, template_id=template, sender_id=sender,
            enabled=True)))

    def publish(self, n):
        """The moment before the call."""
        pb, called = self.client.pb.triggers, time.time()
        self.client.triggers.PublishEvent(pb.PublishEventRequest(event=pb.BusinessEvent(
            id=f"evt-{n}", type=pb.ORDER_PAID, phone=phone_of(n), name="Budi Santoso",
            variables={"documentnumber": f"INV-{n}", "productname": "Kopi Gayo"})))
        return called

    def accepted(self):
        return demo.sim_get(self.stack, "/_sim/summary")["accepted"]

    def record(self, number):
        url = f"{self.stack.sim_url}/_sim/record?limit=10000000&phone_number_id={number}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]


def phone_of(n):
    return f"+62899{n:08d}"


def await_flow(house, count, seconds=120):
    end = time.monotonic() + seconds
    before = house.accepted()
    while house.accepted() < before + count:
        if time.monotonic() > end:
            raise StartError(f"fewer than {count} requests in {seconds} s")
        time.sleep(0.2)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def triggers_beside_a_campaign(args, house):
    sender = house.sender("2020000", f"{2 * args.rate}/s")
    house.automate(sender)
    running = house.start("Besar", sender, f"{args.rate}/s")
    await_flow(house, args.rate)
    calls, threads, begin = {}, [], time.monotonic()
    for n in range(args.triggers):
        # By the clock, whatever the calls take.
        time.sleep(max(0.0, begin + n / args.pace - time.monotonic()))
        thread = threading.Thread(target=lambda n=n: calls.update({n: house.publish(n)}))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    time.sleep(2)
    flowed = house.accepted()
    house.cancel(running)
    starts = {line["to"]: line["time_us"] / 1e6 for line in house.record("2020000")
              if line["to"].startswith(phone_of(0)[1:6])}
    missing = [n for n in calls if phone_of(n)[1:] not in starts]
    waits = [1000 * (starts[phone_of(n)[1:]] - called) for n, called in calls.items()
             if n >= args.pace and n not in missing]
    return waits, len(missing), flowed


def per_second(lines, begin, seconds):
    counts = [0] * seconds
    for line in lines:
        at = math.floor(line["time_us"] / 1e6 - begin)
        if 0 <= at < seconds:
            counts[at] += 1
    return counts


def campaigns_side_by_side(args, house):
    """Two on one number that each could fill alone, one on the other number."""
    shared, other = house.sender("2020001", "100/s"), house.sender("2020002", "200/s")
    runs = [house.start("Satu", shared, "100/s"), house.start("Dua", shared, "100/s"),
            house.start("Tiga", other, "50/s")]
    await_flow(house, 300)
    begin = time.time() + 1
    time.sleep(args.seconds + 2)
    for run in runs:
        house.cancel(run)
    # Which campaign's a message is stands in its id: a run's are in its lane.
    lanes = [house.client.campaigns.GetCampaign(house.client.pb.campaigns.GetCampaignRequest(
        id=run)).run_id for run in runs]
    owner = {}
    for lane in lanes[:2]:
        rows = house.stack.postgres.query(
            f"SELECT id FROM dispatcher.messages WHERE lane_id = '{lane}'").split()
        owner.update((message, lane) for message in rows)
    lines = house.record("2020001")
    of = {lane: [line for line in lines if owner.get(line["callback"].rsplit(".", 1)[0]) == lane]
          for lane in lanes[:2]}
    one, two = (per_second(of[lane], begin, args.seconds) for lane in lanes[:2])
    shares = [min(a, b) / max(a, b) for a, b in zip(one, two) if max(a, b) > 0]
    third = per_second(house.record("2020002"), begin, args.seconds)
    return statistics.median(shares), sum(one) / max(1, sum(two)), sum(third) / (50 * args.seconds)


def run(args):
    if min(args.recipients, args.triggers, args.pace, args.rate, args.seconds, args.workers) <= 0:
        print("tools/bench: all numbers must be above 0", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("fairness")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder, workers=args.workers, numbers=3, record="full",
                                # The same people in all campaigns: the pair rate has its own tests.
                                limits={"pair_interval_s": 0.001})
    try:
        stack.start()
        house = House(stack, args.recipients)
        waits, missing, beside = triggers_beside_a_campaign(args, house)
        even, total, other = campaigns_side_by_side(args, house)
    finally:
        stack.stop()
    figures = {
        "campaign_recipients": args.recipients, "campaign_per_s": args.rate,
        "sent_beside": beside, "trigger_messages": args.triggers, "trigger_missing": missing,
        "trigger_start_p50_ms": round(statistics.median(waits), 1),
        "trigger_start_p99_ms": round(quantile(waits, 0.99), 1),
        "max_ms": round(max(waits), 1), "even_share": round(even, 3),
        "shares_in_all": round(total, 3), "other_number_used": round(other, 3)}
    faults = [] if figures["trigger_start_p99_ms"] <= BOUND_MS else [f"p99 above {BOUND_MS:.0f} ms"]
    if missing:
        faults.append(f"{missing} trigger messages never came")
    if even < EVEN:
        faults.append(f"uneven: below {EVEN}")
    if other < 0.9:
        faults.append("a full number delayed another")
    print(f"   {args.triggers} triggers at {args.pace:g}/s beside {args.recipients:,} recipients at "
          f"{args.rate}/s\n"
          f"   {figures['trigger_start_p50_ms']:>10.1f} ms from PublishEvent to the request, median\n"
          f"   {figures['trigger_start_p99_ms']:>10.1f} ms p99, {figures['max_ms']:.1f} at most\n"
          f"   {figures['even_share']:>10.3f} of the larger share went to the smaller (two campaigns)\n"
          f"   {figures['other_number_used']:>10.3f} of another number's rate was used meanwhile\n"
          f"   {', '.join(faults) or 'ok'}")
    measure.write_json(args.json, figures)
    return 1 if faults else 0
