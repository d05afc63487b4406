"""Limits on the wire: the most request starts in any sliding window, and how much of a limit is used.

For each number of workers one fresh stack, and on it each limit on a number of its own; the figures
are the simulator's, of requests as they arrive, in microseconds. 45/min is a campaign's own rate; it
takes longer than two of its windows, and the others run one after another beside it. 80/s and 1000/s
are the number's throughput, as WhatsApp sets it. max_in_window must never be above the limit. used
is the rate between the first and the last request over the limit; the bound is
window / (window + 10 ms), what spacing by the allowance J costs at most.

The whole matrix of 1, 2, 4, 8 workers takes about ten minutes; --apart gives each limit a stack of
its own (a quarter of an hour).
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
    parser.add_argument("--apart", action="store_true", help="a stack of its own for each limit")


class Limit:
    """One limit under test, on a number of its own, with people of its own."""

    def __init__(self, name, stack, client, template_id, n):
        self.name, self.stack, self.client, self.template_id = name, stack, client, template_id
        self.limit, self.window_s, self.whose, self.messages = LIMITS[name]
        self.number = f"202000{n}"
        rate = name if self.whose == "campaign" else campaign.NEVER_BINDS
        sender = campaign.make_sender(
            client, stack, name if self.whose == "number" else campaign.NEVER_BINDS, self.number)
        self.id = self._draft(sender.id, rate, n)

    def _draft(self, sender_id, rate, n):
        contacts, pb = self.client.pb.contacts, self.client.pb.campaigns
        rows = list(morning_file.rows(self.messages, first=n * 1_000_000))
        for row in rows:
            row["kota"] = f"Kota {n}"
        path = self.stack.path(f"morning-{n}.csv")
        morning_file.write_rows(path, rows)
        demo.import_file(self.client, path)
        segment = self.client.contacts.CreateSegment(contacts.CreateSegmentRequest(
            segment=contacts.Segment(name=self.name, filter=f'city = "Kota {n}"')))
        return self.client.campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=pb.Campaign(
            name=self.name, template_id=self.template_id, segment_id=segment.id,
            subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, sender_id=sender_id,
            rate=rate))).id

    def start(self):
        pb = self.client.pb.campaigns
        self.client.campaigns.StartCampaign(pb.StartCampaignRequest(id=self.id))

    def seen(self):
        query = urllib.parse.urlencode({"window_us": self.window_s * 1_000_000,
                                        "phone_number_id": self.number})
        return demo.sim_get(self.stack, f"/_sim/max_in_window?{query}")

    def wait(self):
        """Until the simulator has had all its requests."""
        last, moved = -1, time.monotonic()
        while (now := self.seen()["requests"]) < self.messages:
            if now != last:
                last, moved = now, time.monotonic()
            elif time.monotonic() - moved > campaign.STALLED_S:
                raise StartError(f"{self.name} stands still at {now} of {self.messages} requests")
            time.sleep(1)

    def figures(self, workers, exact):
        seen = self.seen()
        seconds = (seen["last_us"] - seen["first_us"]) / 1e6
        return {"workers": workers, "limit": self.name, "window_s": self.window_s,
                "requests": seen["requests"], "max_in_window": seen["max"], "of": self.limit,
                "used": round((self.messages - 1) / seconds * self.window_s / self.limit, 6),
                "bound": round(self.window_s / (self.window_s + ALLOWANCE_S), 6),
                "exact": exact and seen["requests"] == self.messages}


def _on_one_stack(workers, names):
    folder = ground.fresh_folder("throttle")
    stack = campaign.make_stack(folder, workers=workers, numbers=len(names))
    try:
        stack.start()
        client = Client({s: stack.address(s) for s in SERVICES},
                        stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
        template_id = demo.template(client).id
        limits = [Limit(name, stack, client, template_id, n) for n, name in enumerate(names)]
        # The slow one runs all the time, the fast ones one after another beside it.
        slow = [limit for limit in limits if limit.window_s > 1]
        for limit in slow:
            limit.start()
        for limit in limits:
            if limit not in slow:
                limit.start()
                limit.wait()
        for limit in slow:
            limit.wait()
        summary = demo.sim_get(stack, "/_sim/summary")
        exact = (summary["accepted"] == summary["distinct_messages"]
                 == sum(limit.messages for limit in limits) and summary["refused_total"] == 0)
        return [limit.figures(workers, exact) for limit in limits]
    finally:
        stack.stop()


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
        for names in [[n] for n in args.limits] if args.apart else [args.limits]:
            for one in _on_one_stack(workers, names):
                figures.append(one)
                print(f"   {workers:>7} {one['limit']:>8} {one['max_in_window']:>17} "
                      f"{one['used']:>10.6f}  {_verdict(one)}", flush=True)
    measure.write_json(args.json, figures)
    return 0 if all(_verdict(f) == "ok" for f in figures) else 1
