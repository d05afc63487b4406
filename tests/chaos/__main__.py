"""tools/chaos: the real stack under kills, suspensions, lost data and a provider at its worst.

Runs every service and two dispatcher workers in a folder of their own against the Cloud API
simulator. By its seed it kills (-9), suspends (also longer than a lease) and restarts each service,
each worker, Redis (with its data, cut back by 1-5 s, emptied) and PostgreSQL, while campaigns that
each press against another limit are started, paused, resumed, cancelled, retried and ended, numbers,
outlets and everything are stopped, limits changed, events published, and the simulator accepts without answering, fails, and tells late, twice, in the
wrong order or not at all. Then faults off, everything up, rest; and what was asked, the ledger, the
events and the simulator's record are compared attempt by attempt.

Exit 1 on anything doubled, lost, over a limit, sent after Pause, still moving, or not adding up;
and with --minutes when the run does not count: fewer than 5 kills of any kind of process, a fail
point at which nobody was killed, a fault or an order that was not played, a limit that was never
pressed, no message that was ever UNKNOWN.
"""

import argparse
import json
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, os.path.join(ROOT, "tests", "e2e"))

import plan as plans  # noqa: E402
import run as runs  # noqa: E402

# As libs/base/defect.h names them; compiled into test builds only.
DEFECTS = {
    "no-compare-and-set": "a claim takes messages whatever state they are in",
    "replaying-client": "a request whose connection died is written again, unasked",
    "statuses-move-backwards": "the last webhook counts, not the strongest",
    "position-outside-transaction": "a consumer keeps its position after its effects",
    "limits-forgotten": "after a restart of Redis every bucket is full again",
    "cancel-not-looked-at": "neither the claim nor Redis hears of a pause or cancel",
}


def arguments():
    parser = argparse.ArgumentParser(prog="tools/chaos", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--seconds", type=float, default=60, help="of faults (default 60)")
    how_long.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--seed", type=int, help="of everything that is drawn (default: by the clock)")
    parser.add_argument("--recipients", type=int, metavar="N",
                        help="people in all campaigns together (default 60 a second, with "
                        "--minutes 40,000 a minute)")
    parser.add_argument("--kills", type=int, metavar="N",
                        help="processes killed as planned, those at fail points beside them (default "
                        "one in 3 s, with --minutes one in 4 s; at least one of each kind)")
    parser.add_argument("--patience", type=float, default=60, metavar="S",
                        help="how long nothing may get done on the way to rest (default 60)")
    parser.add_argument("--break", dest="defect", choices=DEFECTS, metavar="DEFECT",
                        help="switch a built-in defect on, which must make it exit 1: " +
                        "; ".join(f"{name} ({what})" for name, what in DEFECTS.items()))
    parser.add_argument("--json", metavar="FILE", help="the figures for programs")
    parser.add_argument("--keep", action="store_true", help="keep the stack's folder and logs")
    parser.add_argument("--quiet", action="store_true", help="only the figures and the findings")
    args = parser.parse_args()
    args.seconds = 60 * args.minutes if args.minutes else args.seconds
    if args.seconds < 10:
        parser.error("--seconds: at least 10")
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1, 1_000_000)
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the stack on its way out
    print(f"seed {args.seed}", flush=True)
    began = time.monotonic()

    def say(text):
        if not args.quiet:
            print(f"   {time.monotonic() - began:6.1f}  {text}", flush=True)

    recipients, kills = plans.size(args.seconds, long=bool(args.minutes))
    result = runs.run(args.seed, args.seconds, args.recipients or recipients, args.kills or kills,
                      args.patience, say, args.keep, args.defect or "",
                      in_full=bool(args.minutes and not args.defect))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(result.figures, f, indent=1)
            f.write("\n")
    result.show()
    sys.exit(0 if result.exact and not result.unproven else 1)


main()
