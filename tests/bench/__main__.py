"""tools/bench: what the suite can do, measured on the real programs.

  tools/bench campaign    a whole campaign: messages/s, CPU a message, peak memory
  tools/bench loop        the same with sent, delivered and read of every message coming back
  tools/bench peers       the same job beside BullMQ in one run: the ratio
  tools/bench idle        what nothing to do costs, and how soon an enqueued message starts
  tools/bench latency     from claim to request at half load
  tools/bench throttle    limits on the wire: the most in any window, how much of a limit is used
  tools/bench fairness    a trigger beside a large campaign, two campaigns of one number
  tools/bench claims      what a claim costs Redis with 5, 1,000 and 5,000 lanes
  tools/bench import      1,000,000 rows of contacts and shipments beside a plain COPY of them
  tools/bench segments    1,000,000 contacts: counting a segment, its first page
  tools/bench templates   renders/s beside Handlebars.js, milliseconds of a RenderBatch
  tools/bench cloudsim    the simulator alone: is it ever the bottleneck?

Each prints a small table; --json FILE writes the same for programs. Exit code 1 when a run was not
exact or a bound is not kept. `tools/bench NAME --help` says what a figure means.
"""

import argparse
import sys

import campaign
import claims
import cloudsim
import fairness
import idle
import imports
import latency
import loop
import peers
import segments
import templates
import throttle

BENCHES = {"campaign": campaign, "loop": loop, "peers": peers, "idle": idle, "throttle": throttle,
           "fairness": fairness, "latency": latency, "claims": claims, "import": imports,
           "segments": segments, "templates": templates, "cloudsim": cloudsim}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest="bench", required=True, metavar="NAME")
    for name, module in BENCHES.items():
        about = module.__doc__.replace("%", "%%")
        one = names.add_parser(name, help=about.splitlines()[0], description=module.__doc__,
                               formatter_class=argparse.RawDescriptionHelpFormatter)
        one.add_argument("--json", metavar="FILE", help="the figures for programs")
        module.arguments(one)
    args = parser.parse_args()
    sys.exit(BENCHES[args.bench].run(args))


main()
