"""What a stack costs that has nothing to do, and how soon it wakes.

A whole stack (one worker) with a number and an open lane that has sent already. First nothing
happens for --seconds: cpu_percent is each part's share of one core meanwhile, user + system, as
the kernel's scheduler counts it. Then --messages single messages are enqueued, each after the stack
has been quiet for 0.2-0.3 s: enqueue_to_start_ms runs from the call of Enqueue (so the ledger's
commit is in it) to the arrival of the request at the simulator.

Exit 1 when all parts together take more than 0.5% of a core, or p99 is above 20 ms.
"""

import random
import sys
import time

import campaign
import ground
import measure
from kabarstack import demo
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

MOST_PERCENT, MOST_MS = 0.5, 20
WAKE_S = 10


def arguments(parser):
    parser.add_argument("--seconds", type=int, default=20, metavar="N",
                        help="how long nothing happens (default 20)")
    parser.add_argument("--messages", type=int, default=200, metavar="N",
                        help="single messages afterwards (default 200)")


def _percent(stack, seconds):
    before = measure.scheduled_us(stack)
    time.sleep(seconds)
    after = measure.scheduled_us(stack)
    return {n: round((after[n] - before[n]) / seconds / 1e4, 3) for n in after if n in before}


def message(pb, n):
    """The n-th message to enqueue: its id, recipient and text follow from n."""
    day, alphabet = time.strftime("%Y%m%d", time.gmtime()), "abcdefghijklmnopqrstuvwxyz234567"
    digits = "".join(alphabet[(n >> 5 * i) & 31] for i in range(26))
    outgoing = pb.OutgoingMessage(
        id=f"{day}-{digits}", contact_id=f"con_{n}", phone=f"+62812{10_000_000 + n}",
        provider_form=pb.ProviderForm(name="paket_terkirim", language="id", parameters=["Budi", "R1", "Bogor"]))
    outgoing.render_time.GetCurrentTime()
    return outgoing


def _accepted(stack):
    return demo.sim_get(stack, "/_sim/summary")["accepted"]


def _wake(client, stack, lane, n):
    """Milliseconds from the call to the request."""
    pb, before = client.pb.dispatcher, _accepted(stack)
    time.sleep(random.uniform(0.2, 0.3))
    called = time.time()
    client.dispatcher.Enqueue(pb.EnqueueRequest(lane_id=lane, messages=[message(pb, n)]))
    end = time.monotonic() + WAKE_S
    while _accepted(stack) == before:
        if time.monotonic() > end:
            raise StartError(f"a message was enqueued and not sent within {WAKE_S} s")
        time.sleep(0.02)
    return 1000 * (campaign.starts(stack)[1] - called)


def figures(args, stack):
    keys, addresses = stack.settings["keys"], {s: stack.address(s) for s in SERVICES}
    owner = Client(addresses, keys[f"{demo.OUTLET}-owner"], demo.BUILD)
    service = Client(addresses, keys["service"], demo.BUILD, outlet=demo.OUTLET)
    sender, pb, lane = campaign.make_sender(owner, stack), service.pb.dispatcher, "idle"
    service.dispatcher.CreateLane(pb.CreateLaneRequest(lane=pb.Lane(
        id=lane, sender_id=sender.id, purpose="DELIVERY_UPDATES")))
    _wake(service, stack, lane, 0)
    time.sleep(2)
    percent = _percent(stack, args.seconds)
    waits = sorted(_wake(service, stack, lane, n + 1) for n in range(args.messages))
    return {
        "seconds": args.seconds,
        "cpu_percent": percent,
        "cpu_percent_all": round(sum(percent.values()), 3),
        "messages": args.messages,
        "enqueue_to_start_ms": {"p50": round(waits[len(waits) // 2], 2),
                                "p99": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)], 2),
                                "max": round(waits[-1], 2)},
    }


def run(args):
    if args.seconds < 1 or args.messages < 1:
        print("tools/bench: --seconds and --messages: at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench-idle")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder)
    try:
        stack.start()
        f = figures(args, stack)
    finally:
        stack.stop()
    for name, percent in sorted(f["cpu_percent"].items(), key=lambda item: -item[1]):
        print(f"   {name:<14}{percent:>8.3f}% of a core")
    wake = f["enqueue_to_start_ms"]
    print(f"   {'all':<14}{f['cpu_percent_all']:>8.3f}%, nothing to do for {f['seconds']} s\n"
          f"   Enqueue's call to the request: p50 {wake['p50']:.1f} ms, p99 {wake['p99']:.1f} ms, "
          f"max {wake['max']:.1f} ms of {f['messages']}")
    measure.write_json(args.json, f)
    return 0 if f["cpu_percent_all"] <= MOST_PERCENT and wake["p99"] <= MOST_MS else 1
