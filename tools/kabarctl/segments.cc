#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// Sets segment_id or filter.
template <typename Request>
absl::Status SetWho(Session& session, const Arguments& arguments, Request& request) {
  if (arguments.Has("NAME-or-ID") == arguments.Has("filter")) {
    return UsageError("say either a segment's name or id, or --filter FILTER");
  }
  if (arguments.Has("filter")) {
    request.set_filter(arguments.Get("filter"));
    return absl::OkStatus();
  }
  KABAR_ASSIGN_OR_RETURN(const Segment segment, FindSegment(session, arguments.Get("NAME-or-ID")));
  request.set_segment_id(segment.id());
  return absl::OkStatus();
}

absl::StatusOr<int> CountMembers(Session& session, const Arguments& arguments) {
  contacts::v1::CountSegmentRequest request;
  KABAR_RETURN_IF_ERROR(SetWho(session, arguments, request));
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

absl::StatusOr<int> Explain(Session& session, const Arguments& arguments) {
  contacts::v1::ExplainSegmentRequest request;
  KABAR_RETURN_IF_ERROR(SetWho(session, arguments, request));
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ExplainSegmentResponse found,
                         api.Call(&ContactsService::Stub::ExplainSegment, request));
  if (session.json()) {
    session.out() << Json(found);
    return kExitOk;
  }
  session.out() << found.contacts() << " of " << Count(found.everyone(), "contact") << "\n\n";
  Table clauses({{"CLAUSE"}, {"ALONE", true}, {"TOGETHER", true}});
  for (const contacts::v1::SegmentClause& clause : found.clauses()) {
    const bool first = &clause == &found.clauses(0);
    const char* word = first ? "" : (found.any_of() ? "OR " : "AND ");
    clauses.Row({absl::StrCat(word, OneLine(clause.text())), absl::StrCat(clause.alone()),
                 absl::StrCat(clause.together())});
  }
  if (found.clauses_size() > 0) session.out() << clauses.Render() << "\n";
  Table sample({{"NAME"}, {"PHONE"}, {"CITY"}});
  for (const contacts::v1::Contact& contact : found.sample()) {
    sample.Row({Shortened(contact.name(), 40), contact.phone(), Shortened(contact.city(), 30)});
  }
  if (found.sample_size() > 0) session.out() << sample.Render();
  return kExitOk;
}

absl::StatusOr<int> ShowLibrary(Session& session, const Arguments&) {
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListLibrarySegmentsResponse response,
                         api.Call(&ContactsService::Stub::ListLibrarySegments,
                                  contacts::v1::ListLibrarySegmentsRequest()));
  Table table({{"CODE"}, {"NAME"}, {"FILTER"}});
  for (const contacts::v1::LibrarySegment& one : response.segments()) {
    table.Row({one.code(), one.name(), Shortened(one.filter(), 80)});
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

absl::StatusOr<int> InstallLibrary(Session& session, const Arguments& arguments) {
  contacts::v1::InstallLibrarySegmentsRequest request;
  for (const std::string& code : arguments.All("CODE")) request.add_codes(code);
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::InstallLibrarySegmentsResponse response,
                         api.Call(&ContactsService::Stub::InstallLibrarySegments, request));
  if (session.json()) {
    session.out() << Json(response);
    return kExitOk;
  }
  for (const Segment& made : response.installed()) {
    session.out() << "segment \"" << OneLine(made.name()) << "\" created: " << made.id() << "\n";
  }
  session.out() << Count(response.installed_size(), "segment") << " installed";
  if (response.present_size() > 0) {
    session.out() << ", " << response.present_size()
                  << " left as they are: " << absl::StrJoin(response.present(), ", ");
  }
  session.out() << "\n";
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
    "by AND, OR, NOT and brackets; services/contacts/SEGMENTS.md has all of it:\n"
    "  shipment.status = \"In Transit\" AND city = \"Jakarta\" AND shipments_30d > 5\n"
    "  shipments.count((cod_amount > 0), 30d) >= 2 AND NOT segment(\"Pelanggan VIP\")\n"
    "  last_inbound_at >= today - 7d";

std::vector<Positional> SavedSegment() {
  return {{.name = "NAME-or-ID", .help = "a saved segment", .required = false}};
}

std::vector<Option> FilterOption() {
  return {{.name = "filter",
           .value = "FILTER",
           .help = "instead of a saved segment",
           .field = "filter"}};
}

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
       .positionals = SavedSegment(),
       .options = FilterOption(),
       .run = CountMembers},
      {.noun = "segments",
       .verb = "explain",
       .summary = "Shows who is in a segment: how each clause narrows it, and the first ten.",
       .details = "ALONE counts the contacts that a clause finds by itself, TOGETHER those that "
                  "are left\n(after OR: found) when it joins the clauses before it.",
       .positionals = SavedSegment(),
       .options = FilterOption(),
       .run = Explain},
      {.noun = "segments",
       .verb = "library",
       .summary = "Lists the ready-made segments that come with the suite.",
       .run = ShowLibrary},
      {.noun = "segments",
       .verb = "install-library",
       .summary = "Creates the ready-made segments whose names are free; the others stay.",
       .positionals = {{"CODE", "these; default: all", "codes", false, true}},
       .run = InstallLibrary},
      {.noun = "segments",
       .verb = "list",
       .summary = "Lists the saved segments.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
