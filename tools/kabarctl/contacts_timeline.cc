#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using contacts::v1::TimelineEntry;

// What it is about, in one cell.
std::string What(const TimelineEntry& entry) {
  std::string out = absl::StrCat(entry.subject(), entry.text());
  if (entry.kind() == TimelineEntry::SHIPMENT) out = absl::StrCat(entry.id(), " ", out);
  if (entry.kind() == TimelineEntry::FACT) out = entry.id();
  if (!entry.run_id().empty()) absl::StrAppend(&out, " (run ", entry.run_id(), ")");
  return Shortened(out, 60);
}

absl::StatusOr<int> Timeline(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::GetContactTimelineRequest request;
  request.set_contact_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::GetContactTimelineResponse response,
                         api.List(&ContactsService::Stub::GetContactTimeline, request, paging));
  Table table({{"TIME"}, {"WHAT"}, {"STATE"}, {"REASON"}, {"ABOUT"}});
  for (const TimelineEntry& entry : response.entries()) {
    table.Row({FormatTime(entry.time()), TimelineEntry::Kind_Name(entry.kind()), entry.state(),
               Shortened(entry.reason(), 30), What(entry)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands ContactTimelineCommands() {
  return {
      {.noun = "contacts",
       .verb = "timeline",
       .summary = "Shows all that happened with a contact, newest first.",
       .details =
           "Messages as they stand, what he wrote, parcels, orders, complaints and other facts,\n"
           "consents, merges.",
       .positionals = {{"ID", "the contact's id", "contact_id"}},
       .options = WithPaging(),
       .run = Timeline},
  };
}

}  // namespace kabar::kabarctl
