"""Counting a segment of many contacts, and its first page.

An outlet with --contacts contacts, each with one shipment (imported from the morning file; 1 in 20
has the tag vip, 1 in 10,000 the tag langka, 1 in 50 is VIP), in a PostgreSQL that has been vacuumed
and analysed, as one is that has run for an hour. Each filter is asked --rounds times through gRPC,
alternately, after two rounds that do not count: CountSegment with contacts_only, and ListContacts
for the first 50 contacts. A figure is the median of its rounds.

count_ms and first_page_ms are those of the slowest of the filters marked *: over indexed fields (tags,
VIP) and those that segments ask for most (city, service, status); the others are shown beside them. Exit 1 when one of them is above 300 and 50 ms, or when a count is
not what the file holds.
"""

import statistics
import sys
import time

import campaign
import ground
import measure
from kabarstack import demo, morning_file
from kabarstack.client import Client
from kabarstack.settings import SERVICES

MOST_COUNT_MS, MOST_PAGE_MS = 300, 50
PAGE = 50

# (filter, must it keep the bounds, what it must count as SQL over contacts c, or None)
FILTERS = [
    ('city = "Jakarta"', True, "c.city = 'Jakarta'"),
    ('city = "Jakarta" AND service_type = "COD"', True,
     "c.city = 'Jakarta' AND c.service_type = 'COD'"),
    ('city = "jakarta*" OR city = "kota jakarta*"', True, "c.city = 'Jakarta'"),
    ('service_type = "COD"', True, "c.service_type = 'COD'"),
    ("tags:vip", True, "'vip' = ANY(c.tags)"),
    ("tags:langka", True, "'langka' = ANY(c.tags)"),
    ("vip = true OR tags:vip", True, "c.vip OR 'vip' = ANY(c.tags)"),
    ("vip = true", True, "c.vip"),
    ('vip = true AND city = "Bandung"', True, "c.vip AND c.city = 'Bandung'"),
    ('shipment.status = "Delayed"', True,
     "EXISTS (SELECT 1 FROM contacts.shipments s WHERE s.outlet_id = c.outlet_id "
     "AND s.contact_id = c.id AND s.status = 'Delayed')"),
    ('city = "Bandung" AND shipment.status = "Delayed"', False,
     "c.city = 'Bandung' AND EXISTS (SELECT 1 FROM contacts.shipments s WHERE s.outlet_id = "
     "c.outlet_id AND s.contact_id = c.id AND s.status = 'Delayed')"),
    ('shipment.status = "In Transit"', False,
     "EXISTS (SELECT 1 FROM contacts.shipments s WHERE s.outlet_id = c.outlet_id "
     "AND s.contact_id = c.id AND s.status = 'In Transit')"),
    ("", False, "true"),
    ('name : "santoso"', False, "c.name LIKE '%Santoso%'"),
    ("shipments.count(30d) > 0", False, "true"),
]


def arguments(parser):
    parser.add_argument("--contacts", type=int, default=1_000_000, metavar="N",
                        help="default 1000000")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="default 9")


def _timed(call):
    began = time.monotonic()
    answer = call()
    return answer, (time.monotonic() - began) * 1000


def _people(stack, client, path):
    """The outlet's contacts, as they stand after an hour."""
    demo.import_file(client, path)
    query = stack.postgres.query
    query("UPDATE contacts.contacts SET "
          "tags = CASE WHEN hashtext(id) % 10000 = 0 THEN '{vip,langka}' "
          "WHEN hashtext(id) % 20 = 0 THEN '{vip}' ELSE tags END, "
          "vip = hashtext(id || 'v') % 50 = 0 "
          "WHERE hashtext(id) % 20 = 0 OR hashtext(id || 'v') % 50 = 0")
    query("VACUUM (ANALYZE) contacts.contacts")
    query("VACUUM (ANALYZE) contacts.shipments")


def _figures(args, stack, path):
    client = Client({s: stack.address(s) for s in SERVICES},
                    stack.settings["keys"][f"{demo.OUTLET}-owner"], demo.BUILD)
    pb = client.pb.contacts
    _people(stack, client, path)
    counts, pages = {f: [] for f, _, _ in FILTERS}, {f: [] for f, _, _ in FILTERS}
    found = {}
    for turn in range(args.rounds + 2):
        for text, _, _ in FILTERS:
            count, count_ms = _timed(lambda: client.contacts.CountSegment(
                pb.CountSegmentRequest(filter=text, contacts_only=True)))
            page, page_ms = _timed(lambda: client.contacts.ListContacts(
                pb.ListContactsRequest(filter=text, page_size=PAGE)))
            found[text] = (count.contacts, len(page.contacts))
            if turn >= 2:
                counts[text].append(count_ms)
                pages[text].append(page_ms)
    wrong, filters = [], []
    for text, must, sql in FILTERS:
        truth = int(stack.postgres.query(
            f"SELECT count(*) FROM contacts.contacts c WHERE c.outlet_id = '{demo.OUTLET}' AND {sql}"))
        if found[text] != (truth, min(truth, PAGE)):
            wrong.append(f"{text or 'everybody'}: {found[text]}, must be {(truth, min(truth, PAGE))}")
        filters.append({"filter": text, "judged": must, "contacts": truth,
                        "count_ms": round(statistics.median(counts[text]), 1),
                        "first_page_ms": round(statistics.median(pages[text]), 1)})
    judged = [f for f in filters if f["judged"]]
    return {"contacts": args.contacts, "count_ms": max(f["count_ms"] for f in judged),
            "first_page_ms": max(f["first_page_ms"] for f in judged), "filters": filters,
            "inexact": wrong}


def _show(f):
    print(f"   {f['contacts']:,} contacts; * must keep the bounds\n\n"
          f"   {'filter':<52}{'contacts':>10}{'count ms':>10}{'page ms':>10}")
    for one in f["filters"]:
        mark = "*" if one["judged"] else " "
        print(f" {mark} {one['filter'] or '(everybody)':<52}{one['contacts']:>10,}"
              f"{one['count_ms']:>10.1f}{one['first_page_ms']:>10.1f}")
    print(f"\n   slowest *: count {f['count_ms']:.1f} ms (at most {MOST_COUNT_MS}), first page "
          f"{f['first_page_ms']:.1f} ms (at most {MOST_PAGE_MS})")


def run(args):
    if args.contacts < 1 or args.rounds < 1:
        print("tools/bench: --contacts and --rounds: at least 1", file=sys.stderr)
        return 2
    print(measure.machine(), flush=True)
    folder = ground.fresh_folder("bench-segments")
    return ground.exit_code(folder, lambda: _run(args, folder))


def _run(args, folder):
    stack = campaign.make_stack(folder)
    try:
        stack.start()
        path = stack.path("import.csv")
        morning_file.write(path, args.contacts)
        f = _figures(args, stack, path)
    finally:
        stack.stop()
    _show(f)
    for line in f["inexact"]:
        print(f"   INEXACT {line}")
    measure.write_json(args.json, f)
    kept = f["count_ms"] <= MOST_COUNT_MS and f["first_page_ms"] <= MOST_PAGE_MS
    return 0 if kept and not f["inexact"] else 1
