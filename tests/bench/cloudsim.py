"""The simulator alone: requests/s, and the CPU that one costs it (at most 15 us).

Runs cloudsim-bench: template messages over kept-alive connections, no faults, no webhooks, every
limit checked, none binding. The load generator has the other core, so on two busy cores
requests_per_s is a lower bound; the CPU a request is what counts. Whatever else the machine does
only adds to it, so of several runs the least counts.
"""

import json
import os
import subprocess
import sys
import tempfile

from kabarstack.demo import BUILD
from measure import machine, write_json

BOUND_US = 15.0


def arguments(parser):
    parser.add_argument("--requests", type=int, default=200_000, metavar="N", help="default 200000")
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="default 64")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="default 3")


def _once(args):
    """The figures that cloudsim-bench writes; None if it failed (it said why)."""
    program = os.path.join(BUILD, "bin", "cloudsim-bench")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        try:
            done = subprocess.run([program, "--requests", str(args.requests), "--connections",
                                   str(args.connections), "--json", path], check=False,
                                  stdout=subprocess.DEVNULL)
        except OSError as e:
            print(f"tools/bench: {e}; build the target cloudsim-bench first", file=sys.stderr)
            return None
        if done.returncode != 0:
            return None
        with open(path, encoding="utf-8") as f:
            return json.load(f)


def run(args):
    print(machine(), flush=True)
    runs = []
    for _ in range(max(1, args.runs)):
        runs.append(_once(args))
        if runs[-1] is None:
            return 1
    figures = min(runs, key=lambda f: f["cpu_us_per_request"])
    within = figures["cpu_us_per_request"] <= BOUND_US
    figures.update(within=within, bound_us=BOUND_US,
                   cpu_us_per_request_of_runs=[f["cpu_us_per_request"] for f in runs])
    print(f"   {figures['requests']:,} requests over {figures['connections']} connections\n"
          f"   {figures['requests_per_s']:>10,.0f} requests/s\n"
          f"   {figures['cpu_us_per_request']:>10.2f} us of CPU a request: "
          f"{'within' if within else 'ABOVE'} the bound of {BOUND_US:.0f} (the runs: "
          f"{', '.join(str(us) for us in figures['cpu_us_per_request_of_runs'])})\n"
          f"   {figures['peak_rss_mb']:>10,} MB peak memory")
    write_json(args.json, figures)
    return 0 if within else 1
