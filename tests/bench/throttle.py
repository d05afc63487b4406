"""Limits on the wire: the most request starts in any sliding window, and how much of a limit is used.

For each number of workers and each limit one campaign on a fresh stack; the figures are the
simulator's, of requests as they arrive, in microseconds. 45/min is the campaign's own rate; 80/s and
1000/s are the number's throughput, as WhatsApp sets it. max_in_window must never be above the limit.
used is the rate between the first and the last request over the limit; the bound is
window / (window + 10 ms), what spacing by the allowance J costs at most.
"""

import argparse
import time
import urllib.parse

import campaign
import ground
import measure
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

# limit -> (limit, window in seconds, whether the campaign's or the number's, messages)
LIMITS = {"45/min": (45, 60, "campaign", 100), "80/s": (80, 1, "number", 1600),
          "1000/s": (1000, 1, "number", 15000)}
ALLOWANCE_S = 0.010


def list_of(kind, allowed=None):
    def parse(text):
        values = [kind(v) for v in text.split(",")]
        if allowed and any(v not in allowed for v in values):
            raise argparse.ArgumentTypeError(f"{text}: choose of {', '.join(allowed)}")
        return values
    return parse


def arguments(parser):
    parser.add_argument("--workers", type=list_of(int), default=[1, 2, 4, 8], metavar="N,...",
                        help="worker processes, each of these in turn (default 1,2,4,8)")
    parser.add_argument("--limits", type=list_of(str, list(LIMITS)), default=list(LIMITS),
                        metavar="L,...", help=f"default {','.join(LIMITS)}")


def _send(client, name, sender_id, rate):
    contacts, pb = client.pb.contacts, client.pb.campaigns
    segment = client.contacts.CreateSegment(contacts.CreateSegmentRequest(
        segment=contacts.Segment(name="Paket hari ini", filter='shipment.status != ""')))
    draft = client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(
        name=name, template_id=demo.template(client).id, segment_id=segment.id,
        subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, sender_id=sender_id,
        rate=rate)))
    client.campaigns.StartCampaign(pb.StartCampaignRequest(id=draft.id))


def _await_requests(stack, count):
    """The simulator's summary once it has accepted `count`; less if nothing moves any more."""
    last, moved = -1, time.monotonic()
    while True:
        summary = demo.sim_get(stack, "/_sim/summary")
        if summary["accepted"] >= count:
            return summary
        if summary["accepted"] != last:
            last, moved = summary["accepted"], time.monotonic()
        elif time.monotonic() - moved > campaign.STALLED_S:
            raise StartError(f"stands still at {last} of {count} requests")
        time.sleep(0.5)


def _one(workers, name):
    limit, window_s, whose, messages = LIMITS[name]
    folder = ground.fresh_folder("throttle")
    stack = campaign.make_stack(folder, workers=workers)
    try:
        stack.start()
        client = Client({s: stack.address(s) for s in SERVICES},
                        stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
        sender = campaign.make_sender(
            client, stack, name if whose == "number" else campaign.NEVER_BINDS)
        path = stack.path("morning.csv")
        morning_file.write(path, messages)
        demo.import_file(client, path)
        _send(client, name, sender.id, name if whose == "campaign" else campaign.NEVER_BINDS)
        summary = _await_requests(stack, messages)
        query = urllib.parse.urlencode({"window_us": window_s * 1_000_000})
        seen = demo.sim_get(stack, f"/_sim/max_in_window?{query}")
    finally:
        stack.stop()
    seconds = (seen["last_us"] - seen["first_us"]) / 1e6
    return {"workers": workers, "limit": name, "window_s": window_s, "requests": messages,
            "max_in_window": seen["max"], "of": limit,
            "used": round((messages - 1) / seconds * window_s / limit, 6),
            "bound": round(window_s / (window_s + ALLOWANCE_S), 6),
            "exact": summary["accepted"] == summary["distinct_messages"] == messages
                     and summary["refused_total"] == 0}


def _verdict(f):
    faults = []
    if f["max_in_window"] > f["of"]:
        faults.append("LIMIT EXCEEDED")
    if not f["exact"]:
        faults.append("NOT EXACT")
    if f["used"] < f["bound"]:
        faults.append(f"used less than {f['bound']:.6f}")
    return ", ".join(faults) or "ok"


def run(args):
    print(measure.machine(), flush=True)
    return ground.exit_code(ground.fresh_folder("throttle"), lambda: _run(args))


def _run(args):
    print(f"   {'workers':>7} {'limit':>8} {'most in a window':>17} {'used':>10}", flush=True)
    figures = []
    for workers in args.workers:
        for name in args.limits:
            one = _one(workers, name)
            figures.append(one)
            print(f"   {workers:>7} {name:>8} {one['max_in_window']:>17} {one['used']:>10.6f}"
                  f"  {_verdict(one)}", flush=True)
    measure.write_json(args.json, figures)
    return 0 if all(_verdict(f) == "ok" for f in figures) else 1
