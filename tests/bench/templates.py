"""Renders/s of a conditional template beside Handlebars.js, and milliseconds of a RenderBatch.

The template (templates/template.txt: 240 bytes, 6 variables, 1 condition) means the same in both
languages. Each side compiles it once and renders 1,000 rows over and over on one thread, bound to one
core, the two in turn, --rounds times; the texts of all rows must be equal. Handlebars.js (npm, the
version of templates/package-lock.json) is precompiled without escaping and warmed up for a second.
The ratio is that of the medians.

render_batch_p99_ms: 100 rows a call, one call after the other over loopback to the real service with a
PostgreSQL of its own, --calls times; the first 200 calls do not count.

Exit 1 when the ratio is below 5 or the p99 is above 2 ms.
"""

import json
import os
import statistics
import subprocess
import time

import campaign
import ground
import measure
import node_packages
from kabarstack import demo
from kabarstack.client import Client
from kabarstack.servers import StartError
from kabarstack.settings import SERVICES

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
LEAST_RATIO, MOST_MS = 5, 2
ROWS = 1000


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="N",
                        help="of each side in each round (default 1)")
    parser.add_argument("--calls", type=int, default=3000, metavar="N", help="default 3000")


def run(args):
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench-templates")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _write_rows(path):
    """Half of the parcels are late."""
    names = ["nama", "no_resi", "alasan", "estimasi", "status", "lokasi"]
    people = ["Budi Santoso", "Siti Aminah", "Élise Tan", "Made Wirawan", "Ani"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\t".join(names) + "\n")
        for i in range(ROWS):
            late = "hujan lebat di Semarang" if i % 2 else ""
            f.write("\t".join([people[i % 5], f"JP{i:08d}", late, f"{i % 28 + 1} November",
                               "dalam perjalanan", f"Gudang {i % 40}"]) + "\n")


def _program(name):
    return os.path.join(demo.BUILD, "bin", name)


def _on_one_core(command):
    """What the program prints, as JSON."""
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        raise StartError(f"{os.path.basename(command[0])} failed")
    return json.loads(done.stdout)


def _renders(args, folder, rows):
    template = os.path.join(SOURCE, "template.txt")
    node = os.path.join(demo.ROOT, ".kabar", "handlebars")
    node_packages.install(SOURCE, node, "handlebars.mjs")
    texts = {side: os.path.join(folder, f"{side}.txt") for side in ("ours", "handlebars")}
    commands = {"ours": [_program("templates_bench"), "render"],
                "handlebars": ["node", os.path.join(node, "handlebars.mjs")]}
    speeds = {side: [] for side in commands}
    for _ in range(args.rounds):
        for side, command in commands.items():
            f = _on_one_core([*command, template, rows, str(args.seconds), texts[side]])
            speeds[side].append(f["renders_per_s"])
    with open(texts["ours"], encoding="utf-8") as a, open(texts["handlebars"], encoding="utf-8") as b:
        if a.read() != b.read():
            raise StartError(f"the two sides wrote different texts: see {folder}")
    return {side: statistics.median(of) for side, of in speeds.items()}


def _render_batch(args, folder, rows):
    stack = campaign.make_stack(folder)
    try:
        stack.postgres.start()
        stack.parts["templates"].start()
        key = stack.settings["keys"][f"{demo.OUTLET}-owner"]
        client = Client({s: stack.address(s) for s in SERVICES}, key, demo.BUILD)
        pb = client.pb.templates
        with open(os.path.join(SOURCE, "template.txt"), encoding="utf-8") as f:
            request = pb.CreateTemplateRequest(template=pb.Template(code="bench", message=f.read()))
        if not stack.wait_one("templates", time.monotonic() + 30):
            raise StartError("templates does not serve")
        made = client.templates.CreateTemplate(request)
        done = subprocess.run([_program("templates_bench"), "batch", stack.address("templates"), made.id,
                               rows, str(args.calls)], stdout=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, "KABAR_API_KEY": key})
    finally:
        stack.stop()
    if done.returncode != 0:
        raise StartError("templates_bench failed")
    return json.loads(done.stdout)


def _run(args, folder):
    if not os.path.exists(_program("templates_bench")):
        raise StartError(f"{_program('templates_bench')} is missing: build the target templates_bench")
    rows = os.path.join(folder, "rows.tsv")
    _write_rows(rows)
    speed, batch = _renders(args, folder, rows), _render_batch(args, folder, rows)
    ratio = speed["ours"] / speed["handlebars"]
    print(f"   ours          {speed['ours']:>12,.0f} renders/s\n"
          f"   Handlebars.js {speed['handlebars']:>12,.0f} renders/s, ratio {ratio:.2f}\n"
          f"   RenderBatch of 100: p50 {batch['p50_ms']:.2f} ms, p99 {batch['p99_ms']:.2f} ms, "
          f"max {batch['max_ms']:.2f} ms of {batch['calls']} calls")
    measure.write_json(args.json, {
        "renders_per_s": speed["ours"], "handlebars_per_s": speed["handlebars"],
        "ratio": round(ratio, 2), "render_batch_p50_ms": batch["p50_ms"],
        "render_batch_p99_ms": batch["p99_ms"], "render_batch_calls": batch["calls"]})
    return 0 if ratio >= LEAST_RATIO and batch["p99_ms"] <= MOST_MS else 1
