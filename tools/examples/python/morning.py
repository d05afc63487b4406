#!/usr/bin/python3
"""The morning campaign from Python, with nothing but the protos and stock grpcio.

Imports a CSV of shipments, saves a template and a segment, makes a campaign of them, starts it,
watches it until it is over and prints the figures. Exit code 0: completed, and the figures add up;
1: anything else; 2: wrong usage.

Addresses and key are kabarctl's: KABAR_API_KEY, KABAR_CONTACTS_ADDRESS, KABAR_TEMPLATES_ADDRESS,
KABAR_CAMPAIGNS_ADDRESS, KABAR_ANALYTICS_ADDRESS, or --api-key-file, --contacts-address, ...
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
PROTOS = os.path.join(HERE, "..", "..", "..", "proto")
SERVICES = {"contacts": 7001, "templates": 7002, "campaigns": 7004, "analytics": 7006}
STATES = ["queued", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled",
          "expired", "suppressed", "not_expanded"]
PIECE = 256 * 1024


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", metavar="FILE", help="the morning file")
    parser.add_argument("--sender", metavar="ID", required=True,
                        help="the number to send from (kabarctl senders list)")
    parser.add_argument("--rate", default="45/min", help="default 45/min")
    parser.add_argument("--end", default="", metavar="TIME",
                        help='nothing is sent after it, e.g. "11:00 WIB" (default: 24 h)')
    parser.add_argument("--message-file", default=os.path.join(HERE, "message.txt"), metavar="FILE",
                        help="the text, in the suite's template language (default: message.txt)")
    parser.add_argument("--lenient", action="store_true",
                        help="missing data does not stop a recipient's message")
    parser.add_argument("--filter", default='shipment.status != ""', help="who gets one")
    parser.add_argument("--name", default=f"pagi-{time.strftime('%Y%m%d')}-{uuid.uuid4().hex[:6]}",
                        help="of template, segment and campaign (default: made of the date)")
    parser.add_argument("--json", action="store_true", help="the figures for programs")
    parser.add_argument("--api-key-file", metavar="FILE", help="else KABAR_API_KEY")
    for service, port in SERVICES.items():
        parser.add_argument(
            f"--{service}-address", metavar="ADDRESS",
            default=os.environ.get(f"KABAR_{service.upper()}_ADDRESS") or f"127.0.0.1:{port}")
    args = parser.parse_args()
    args.key = os.environ.get("KABAR_API_KEY", "")
    if args.api_key_file:
        args.key = read(args.api_key_file).strip()
    if not args.key:
        parser.error("there is no API key: set KABAR_API_KEY or give --api-key-file FILE")
    return args


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def generate_stubs(folder):
    """What `protoc` makes of the contracts; no package of ours is needed."""
    plugin = shutil.which("grpc_python_plugin")
    if not plugin:
        raise SystemExit("morning.py: grpc_python_plugin is missing (package protobuf-compiler-grpc)")
    files = [os.path.relpath(os.path.join(where, name), PROTOS)
             for where, _, names in os.walk(PROTOS) for name in names if name.endswith(".proto")]
    subprocess.run(["protoc", "-I", PROTOS, f"--python_out={folder}", f"--grpc_out={folder}",
                    f"--plugin=protoc-gen-grpc={plugin}", *sorted(files)], check=True)
    sys.path.insert(0, folder)


class Kabar:
    """The calls this program makes, each with the key and a deadline."""

    def __init__(self, args):
        from kabar.analytics.v1 import analytics_pb2, analytics_pb2_grpc
        from kabar.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
        from kabar.contacts.v1 import contacts_pb2, contacts_pb2_grpc
        from kabar.templates.v1 import templates_pb2, templates_pb2_grpc
        self.contacts, self.templates = contacts_pb2, templates_pb2
        self.campaigns, self.analytics = campaigns_pb2, analytics_pb2
        self._key = (("authorization", f"Bearer {args.key}"),)
        self._stubs = {
            "contacts": contacts_pb2_grpc.ContactsServiceStub(channel(args.contacts_address)),
            "templates": templates_pb2_grpc.TemplatesServiceStub(channel(args.templates_address)),
            "campaigns": campaigns_pb2_grpc.CampaignsServiceStub(channel(args.campaigns_address)),
            "analytics": analytics_pb2_grpc.AnalyticsServiceStub(channel(args.analytics_address)),
        }

    def call(self, service, method, request, timeout=30):
        # A fresh request_id makes it safe to send the same request again after a lost answer.
        if hasattr(request, "request_id") and not request.request_id:
            request.request_id = uuid.uuid4().hex
        return getattr(self._stubs[service], method)(request, timeout=timeout, metadata=self._key)

    def import_file(self, path):
        pb = self.contacts

        def parts():
            yield pb.ImportContactsRequest(options=pb.ImportOptions(request_id=uuid.uuid4().hex))
            with open(path, "rb") as f:
                while piece := f.read(PIECE):
                    yield pb.ImportContactsRequest(data=piece)

        return self._stubs["contacts"].ImportContacts(parts(), timeout=3600, metadata=self._key)


def channel(address):
    return grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 16 << 20),
                                                   ("grpc.enable_http_proxy", 0)])


def make_campaign(kabar, args):
    """Template, segment and campaign; the campaign started."""
    contacts, templates, campaigns = kabar.contacts, kabar.templates, kabar.campaigns
    message = read(args.message_file)
    if message.endswith("\n"):  # the editor's line break is not the message's
        message = message[:-1].removesuffix("\r")
    template = kabar.call("templates", "CreateTemplate", templates.CreateTemplateRequest(
        template=templates.Template(
            code=args.name, message=message,
            missing_data=templates.LENIENT if args.lenient else templates.STRICT)))
    segment = kabar.call("contacts", "CreateSegment", contacts.CreateSegmentRequest(
        segment=contacts.Segment(name=args.name, filter=args.filter)))
    count = kabar.call("contacts", "CountSegment",
                       contacts.CountSegmentRequest(segment_id=segment.id))
    say(args, f"segment: {count.contacts} contacts, {count.shipments} shipments")
    campaign = kabar.call("campaigns", "CreateCampaign", campaigns.CreateCampaignRequest(
        campaign=campaigns.Campaign(
            name=args.name, template_id=template.id, segment_id=segment.id,
            subject=contacts.SHIPMENT, purpose=contacts.DELIVERY_UPDATES, sender_id=args.sender,
            rate=args.rate, end=args.end)))
    return kabar.call("campaigns", "StartCampaign",
                      campaigns.StartCampaignRequest(id=campaign.id))


def ended(kabar, campaign):
    pb = kabar.campaigns
    return campaign.state in (pb.COMPLETED, pb.CANCELLED, pb.FAILED)


def get_campaign(kabar, campaign_id):
    return kabar.call("campaigns", "GetCampaign", kabar.campaigns.GetCampaignRequest(id=campaign_id))


def watch(kabar, args, campaign_id):
    """Shows the figures as they change until the campaign has ended."""
    passing = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE,
               grpc.StatusCode.NOT_FOUND)  # the last: analytics has not heard of the run yet
    while True:
        campaign = get_campaign(kabar, campaign_id)
        if ended(kabar, campaign):
            return campaign
        # A stream says nothing while nothing changes; its short deadline lets us look up.
        stream = kabar.call("analytics", "WatchCampaignStats",
                            kabar.analytics.WatchCampaignStatsRequest(run_id=campaign.run_id),
                            timeout=1)
        try:
            for stats in stream:
                say(args, f"{stats.reached_sent}/{stats.asked} sent, {stats.reached_delivered} "
                          f"delivered, {stats.reached_read} read, {stats.failed} failed, "
                          f"{stats.rate_per_min:.0f}/min", live=True)
        except grpc.RpcError as error:
            if error.code() not in passing:
                raise
            if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                time.sleep(0.2)


def final_stats(kabar, campaign):
    """The figures once analytics has counted the last events (it may be a little behind)."""
    request = kabar.analytics.GetCampaignStatsRequest(run_id=campaign.run_id)
    give_up = time.monotonic() + 30
    while True:
        try:
            stats = kabar.call("analytics", "GetCampaignStats", request)
            moving = stats.queued + stats.sending
            if stats.asked == campaign.asked and (not moving) and (
                    campaign.state != kabar.campaigns.COMPLETED
                    or stats.not_expanded == campaign.not_expanded):
                return stats
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND or time.monotonic() > give_up:
                raise
        else:
            if time.monotonic() > give_up:
                return stats
        time.sleep(0.2)


def figures(kabar, imported, campaign, stats):
    return {
        "import": {"rows": imported.rows, "accepted": imported.accepted,
                   "refused": imported.refused},
        "campaign": {"id": campaign.id, "run_id": campaign.run_id,
                     "state": kabar.campaigns.CampaignState.Name(campaign.state),
                     "state_reason": campaign.state_reason},
        "asked": stats.asked,
        "state": {state: getattr(stats, state) for state in STATES},
        "reached": {"sent": stats.reached_sent, "delivered": stats.reached_delivered,
                    "read": stats.reached_read},
        "failed_by_reason": dict(stats.failed_by_reason),
        "answers": {"yes": stats.answers_yes, "no": stats.answers_no, "other": stats.answers_other},
    }


def say(args, text, live=False):
    """For people; with --json nothing but the figures goes out."""
    if args.json:
        return
    if live and sys.stdout.isatty():
        print(f"\r{text}\x1b[K", end="", flush=True)
    else:
        print(text, flush=True)


def describe(error):
    """One clear line of a grpc.RpcError, with the reason that the service named."""
    from google.rpc import error_details_pb2, status_pb2
    text = f"{error.code().name}: {error.details()}"
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                text += f" [{info.reason}]"
    return text


def run(args):
    kabar = Kabar(args)
    imported = kabar.import_file(args.csv)
    say(args, f"{imported.rows} rows: {imported.accepted} accepted, {imported.refused} refused")
    for problem in imported.problems[:10]:
        say(args, f"  row {problem.row}, {problem.column}: {problem.message}")
    campaign = make_campaign(kabar, args)
    say(args, f"campaign {campaign.id} is started")
    campaign = watch(kabar, args, campaign.id)
    result = figures(kabar, imported, campaign, final_stats(kabar, campaign))
    adds_up = sum(result["state"].values()) == result["asked"]
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"\n{result['campaign']['state']} {result['campaign']['state_reason']}")
        for state, count in result["state"].items():
            print(f"  {state:13}{count:8}")
        print(f"  {'asked':13}{result['asked']:8}{'' if adds_up else '  DOES NOT ADD UP'}")
        for reason, count in sorted(result["failed_by_reason"].items()):
            print(f"  failed {reason}: {count}")
        print(f"  answers: YA {result['answers']['yes']}, TIDAK {result['answers']['no']}, "
              f"other {result['answers']['other']}")
    if not adds_up:
        print("morning.py: the states do not add up to what was asked", file=sys.stderr)
    return 0 if adds_up and campaign.state == kabar.campaigns.COMPLETED else 1


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        generate_stubs(folder)
        try:
            return run(args)
        except grpc.RpcError as error:
            print(f"morning.py: {describe(error)}", file=sys.stderr)
        except OSError as error:
            print(f"morning.py: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            print("\nmorning.py: stopped watching; the campaign goes on", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
