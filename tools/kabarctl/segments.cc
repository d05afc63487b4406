#include <string>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/lookup.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using contacts::v1::Segment;

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::CreateSegmentRequest request;
  request.mutable_segment()->set_name(arguments.Get("NAME"));
  request.mutable_segment()->set_filter(arguments.Get("FILTER"));
  KABAR_ASSIGN_OR_RETURN(const Segment made,
                         api.Call(&ContactsService::Stub::CreateSegment, request));
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "segment \"" << OneLine(made.name()) << "\" created: " << made.id() << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> CountMembers(Session& session, const Arguments& arguments) {
  if (arguments.Has("NAME-or-ID") == arguments.Has("filter")) {
    return UsageError("say either a segment's name or id, or --filter FILTER");
  }
  contacts::v1::CountSegmentRequest request;
  if (arguments.Has("filter")) {
    request.set_filter(arguments.Get("filter"));
  } else {
    KABAR_ASSIGN_OR_RETURN(const Segment segment,
                           FindSegment(session, arguments.Get("NAME-or-ID")));
    request.set_segment_id(segment.id());
  }
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::CountSegmentResponse count,
                         api.Call(&ContactsService::Stub::CountSegment, request));
  if (session.json()) {
    session.out() << Json(count);
  } else {
    session.out() << Count(count.contacts(), "contact") << ", "
                  << Count(count.shipments(), "shipment") << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListSegmentsResponse response,
                         api.List(&ContactsService::Stub::ListSegments, {}, paging));
  Table table({{"ID"}, {"NAME"}, {"FILTER"}, {"CREATED"}});
  for (const Segment& segment : response.segments()) {
    table.Row({segment.id(), Shortened(segment.name(), 40), Shortened(segment.filter(), 80),
               FormatTime(segment.create_time())});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

constexpr char kLanguage[] =
    "A filter compares fields of contacts and shipments with = != < <= > >= and : (has), joined\n"
    "by AND, OR, NOT and brackets:\n"
    "  shipment.status = \"In Transit\" AND city = \"Jakarta\" AND shipments_30d > 5";

}  // namespace

Commands SegmentCommands() {
  return {
      {.noun = "segments",
       .verb = "create",
       .summary = "Saves a filter over contacts and their shipments under a name.",
       .details = kLanguage,
       .positionals = {{"NAME", "how it is called", "segment.name"},
                       {"FILTER", "who is in it; \"\" for everybody", "segment.filter"}},
       .run = Create},
      {.noun = "segments",
       .verb = "count",
       .summary = "Counts who is in a segment, or who a filter would find.",
       .details = kLanguage,
       .positionals = {{.name = "NAME-or-ID", .help = "a saved segment", .required = false}},
       .options = {{.name = "filter",
                    .value = "FILTER",
                    .help = "instead of a saved segment",
                    .field = "filter"}},
       .run = CountMembers},
      {.noun = "segments",
       .verb = "list",
       .summary = "Lists the saved segments.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
