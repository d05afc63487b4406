"""A file of contacts and shipments, imported and imported again, beside a plain COPY of it.

The same CSV file of --rows rows (a contact and a shipment each, 15 columns, phones as people type
them) goes first by one COPY into one table of 15 text columns without an index, in the same
PostgreSQL, by psql; then through ImportContacts: parsed, phones normalised, each row judged, contacts,
identities and shipments upserted, chunk after chunk, all durable with the answer; then the same file once more, so
that every row is an update. The clock of an import runs from the call to its answer.

ratio_to_copy and ratio_to_copy_again are those times over COPY's; peak_rss_mb is that of the largest
process but PostgreSQL (whose backends' own is peak_rss_postgres_mb). Exit 1 when a figure of the
import's report is not what the file holds, or the first ratio is above 8, the second above 12, or a
process above 100 MB.
"""

import sys
import time

import campaign
import ground
import measure
import statements
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.settings import SERVICES

MOST, MOST_AGAIN, MOST_MB = 8, 12, 100


def arguments(parser):
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N",
                        help="default 1000000")
    statements.argument(parser)


def _copy(stack, path):
    """Seconds of the plain COPY: psql reads the file and sends it, as a client of ours would."""
    columns = ", ".join(f"{name} text" for name in morning_file.HEADER)
    stack.postgres.query(f"CREATE SCHEMA bench; CREATE TABLE bench.plain ({columns})")
    began = time.monotonic()
    stack.postgres.query(f"\\copy bench.plain FROM '{path}' CSV HEADER")
    seconds = time.monotonic() - began
    stack.postgres.query("DROP SCHEMA bench CASCADE")
    return seconds


def _import(stack, client, path, args):
    counter = measure.Cpu(stack)
    began = time.monotonic()
    report = demo.import_file(client, path)
    seconds = time.monotonic() - began
    cpu, others = counter.so_far()
    cpu = {n: round(v / args.rows, 1) for n, v in cpu.items() if v / args.rows >= 0.1}
    return seconds, report, cpu, others


def _inexact(report, what, rows, created):
    expected = {"rows": rows, "accepted": rows, "refused": 0,
                "contacts_created": created, "contacts_updated": rows - created,
                "shipments_created": created, "shipments_updated": rows - created}
    return [f"{what}: {name} is {getattr(report, name)}, must be {value}"
            for name, value in expected.items() if getattr(report, name) != value]


def _figures(args, stack, path):
    client = Client({s: stack.address(s) for s in SERVICES},
                    stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
    copied = _copy(stack, path)
    if args.statements:
        statements.forget(stack)
    first, report, cpu, others = _import(stack, client, path, args)
    wrong = _inexact(report, "first", args.rows, args.rows)
    if args.statements:
        statements.show(stack, args.rows)
        statements.forget(stack)
    again, report, cpu_again, others_again = _import(stack, client, path, args)
    wrong += _inexact(report, "again", args.rows, 0)
    if args.statements:
        statements.show(stack, args.rows)
    peaks = measure.peak_rss_mb(stack)
    return {
        "rows": args.rows, "copy_s": round(copied, 2), "import_s": round(first, 2),
        "import_again_s": round(again, 2), "ratio_to_copy": round(first / copied, 2),
        "ratio_to_copy_again": round(again / copied, 2),
        "rows_per_s": round(args.rows / first), "rows_per_s_again": round(args.rows / again),
        "cpu_us_per_row": cpu, "cpu_us_per_row_again": cpu_again,
        "others_cpu_share": max(others, others_again),
        "peak_rss_mb": max(v for n, v in peaks.items() if n not in ("postgres", "cloudsim")),
        "peak_rss_postgres_mb": peaks["postgres"], "inexact": wrong,
    }


def _show(f):
    def us(cpu):
        return ", ".join(f"{n} {v:g}" for n, v in sorted(cpu.items(), key=lambda item: -item[1]))

    print(f"   {f['rows']:,} rows; COPY {f['copy_s']:.2f} s\n"
          f"   {f['import_s']:>9.2f} s, {f['rows_per_s']:,} rows/s, {f['ratio_to_copy']:.2f} times "
          f"COPY (at most {MOST}); us of CPU a row: {us(f['cpu_us_per_row'])}\n"
          f"   {f['import_again_s']:>9.2f} s, {f['rows_per_s_again']:,} rows/s, "
          f"{f['ratio_to_copy_again']:.2f} times COPY the second time (at most {MOST_AGAIN}); "
          f"us of CPU a row: {us(f['cpu_us_per_row_again'])}\n"
          f"   {f['peak_rss_mb']:>9.1f} MB peak of the largest process (at most {MOST_MB}); "
          f"{f['others_cpu_share']:.0%} of the machine went to others")


def run(args):
    if args.rows < 1:
        print("tools/bench: --rows: at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench-import")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder, flags=statements.FLAGS if args.statements else ())
    try:
        stack.start()
        path = stack.path("import.csv")
        morning_file.write(path, args.rows)
        f = _figures(args, stack, path)
    finally:
        stack.stop()
    _show(f)
    for line in f["inexact"]:
        print(f"   INEXACT {line}")
    measure.write_json(args.json, f)
    kept = (f["ratio_to_copy"] <= MOST and f["ratio_to_copy_again"] <= MOST_AGAIN
            and f["peak_rss_mb"] <= MOST_MB)
    return 0 if kept and not f["inexact"] else 1
