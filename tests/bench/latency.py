"""From claim to request with the stack half as busy as it can be.

--rate messages a second (half of what `tools/bench campaign` measures here) are enqueued in batches
of --batch, evenly, for --seconds, to a lane without a rate of its own on a number whose limits never
bind but are checked: a message starts when the ledger has given the right to send it.
claim_to_start_p99_ms is the worker's own histogram without the first two seconds, from asking the
ledger for that right to the request's first byte. Exit 1 when it is above 5 ms, when the load could
not be kept up (fewer than 95% of the messages in time), or when not every message was accepted.
"""

import sys
import time

import campaign
import ground
import idle
import measure
from kabarstack import demo
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

MOST_MS, KEPT, WARM_S = 5, 0.95, 2


def arguments(parser):
    parser.add_argument("--rate", type=int, default=5000, metavar="R",
                        help="messages a second (default 5000)")
    parser.add_argument("--batch", type=int, default=50, metavar="N",
                        help="messages an Enqueue (default 50)")
    parser.add_argument("--seconds", type=int, default=20, metavar="S", help="default 20")


def _enqueue(args, service, lane, first, count):
    """Evenly, and how long it took."""
    pb, began = service.pb.dispatcher, time.monotonic()
    for done in range(0, count, args.batch):
        wait = began + done / args.rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        service.dispatcher.Enqueue(pb.EnqueueRequest(lane_id=lane, messages=[
            idle.message(pb, first + done + i) for i in range(args.batch)]))
    return time.monotonic() - began


def _await_accepted(stack, count):
    for _ in range(600):
        if demo.sim_get(stack, "/_sim/summary")["accepted"] >= count:
            return
        time.sleep(0.1)
    raise StartError(f"not all of {count} messages were sent within a minute")


def _figures(args, stack):
    keys, addresses = stack.settings["keys"], {s: stack.address(s) for s in SERVICES}
    owner = Client(addresses, keys[f"{demo.OUTLET}-owner"], demo.BUILD)
    service = Client(addresses, keys["service"], demo.BUILD, outlet=demo.OUTLET)
    sender, lane = campaign.make_sender(owner, stack), "half-load"
    service.dispatcher.CreateLane(service.pb.dispatcher.CreateLaneRequest(
        lane=service.pb.dispatcher.Lane(id=lane, sender_id=sender.id, purpose="DELIVERY_UPDATES")))
    warm = args.rate * WARM_S // args.batch * args.batch
    count = args.rate * args.seconds // args.batch * args.batch
    _enqueue(args, service, lane, 0, warm)
    _await_accepted(stack, warm)
    before = measure.histogram(stack, ["worker-1"], campaign.CLAIM_TO_START)
    counter = measure.Cpu(stack)
    took = _enqueue(args, service, lane, warm, count)
    cpu, others = counter.so_far()
    _await_accepted(stack, warm + count)
    after = measure.histogram(stack, ["worker-1"], campaign.CLAIM_TO_START)
    return {"rate": args.rate, "kept": round(args.seconds / max(took, args.seconds), 3),
            "cores_used": round(sum(cpu.values()) / took / 1e6, 2), "others_cpu_share": others,
            **{f"claim_to_start_p{round(100 * q)}_ms": measure.quantile_ms(after, q, before)
               for q in (0.5, 0.9, 0.99)}}


def run(args):
    if min(args.rate, args.batch, args.seconds) < 1:
        print("tools/bench: every number must be at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench-latency")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder)
    try:
        stack.start()
        f = _figures(args, stack)
    finally:
        stack.stop()
    print(f"   {f['rate']} messages/s, {f['kept']:.0%} of the pace kept; {f['cores_used']} cores used, "
          f"{f['others_cpu_share']:.0%} of the machine went to others (the load's generator among them)\n"
          f"   claim to request: p50 {f['claim_to_start_p50_ms']} ms, p90 "
          f"{f['claim_to_start_p90_ms']} ms, p99 {f['claim_to_start_p99_ms']} ms (at most {MOST_MS})")
    measure.write_json(args.json, f)
    return 0 if f["claim_to_start_p99_ms"] <= MOST_MS and f["kept"] >= KEPT else 1
