"""What a claim costs Redis with 5, 1,000 and 5,000 lanes on its number: within 20% of each other.

Runs dispatcher_claims_bench on a Redis of its own: microseconds in the claim script as Redis counts
them (INFO commandstats), a claim of 10 ids, the median of 7 rounds that take turns. Three kinds of
company: lanes that are all ready, lanes that have spent their rate, lanes whose ids wait for a place
of the messaging limit; of the last two, one lane beside them sends.
"""

import json
import os
import subprocess
import sys

import ground
import measure
from kabarstack.demo import BUILD
from kabarstack.servers import Redis

BOUND = 1.2


def arguments(parser):
    parser.add_argument("--claims", type=int, default=300, metavar="N",
                        help="claims a round and kind (default 300)")


def run(args):
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("claims")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    program = os.path.join(BUILD, "bin", "dispatcher_claims_bench")
    redis = Redis(folder, folder, os.path.join(folder, "redis.log"))
    redis.start()
    try:
        done = subprocess.run([program, redis.url, str(args.claims)], check=False,
                              stdout=subprocess.PIPE, text=True)
    except OSError as e:
        print(f"tools/bench: {e}; build the target dispatcher_claims_bench first", file=sys.stderr)
        return 1
    finally:
        redis.process.stop()
    if done.returncode != 0:
        return 1
    figures = json.loads(done.stdout)
    within = True
    print(f"   {'us a claim':<12}" + "".join(f"{n:>8} lanes" for n in figures["ready"]))
    for kind in ("ready", "throttled", "waiting"):
        cost = figures[kind]
        ratio = max(cost.values()) / min(cost.values())
        within = within and ratio <= BOUND
        print(f"   {kind:<12}" + "".join(f"{us:>14.1f}" for us in cost.values()) +
              f"   x{ratio:.2f}{'' if ratio <= BOUND else ' ABOVE the bound'}")
    figures.update(within=within, bound=BOUND)
    measure.write_json(args.json, figures)
    return 0 if within else 1
