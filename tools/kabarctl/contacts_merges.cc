#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::Contact;
using contacts::v1::ContactMerge;
using contacts::v1::ContactsService;

std::string Brief(const Contact& contact) {
  return Shortened(absl::StrCat(contact.name(), contact.name().empty() ? "" : ", ",
                                contact.phone().empty() ? contact.bsuid() : contact.phone()),
                   40);
}

absl::StatusOr<int> Duplicates(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListDuplicatesResponse response,
                         api.List(&ContactsService::Stub::ListDuplicates,
                                  contacts::v1::ListDuplicatesRequest(), paging));
  Table table({{"FIRST"}, {"WHO"}, {"SECOND"}, {"WHO"}, {"REASON"}});
  for (const contacts::v1::DuplicatePair& pair : response.pairs()) {
    table.Row({pair.first().id(), Brief(pair.first()), pair.second().id(), Brief(pair.second()),
               pair.reason()});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

int Print(Session& session, const ContactMerge& merge, const std::string& sentence) {
  if (session.json()) {
    session.out() << Json(merge);
  } else {
    session.out() << sentence << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Join(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::MergeContactsRequest request;
  request.set_survivor_id(arguments.Get("SURVIVOR"));
  request.set_merged_id(arguments.Get("OTHER"));
  KABAR_ASSIGN_OR_RETURN(const ContactMerge merge,
                         api.Call(&ContactsService::Stub::MergeContacts, request));
  return Print(session, merge,
               absl::StrCat(merge.merged_id(), " is ", merge.survivor_id(),
                            " now; to undo it: kabarctl contacts unmerge ", merge.id()));
}

absl::StatusOr<int> Part(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::UndoMergeRequest request;
  request.set_merge_id(arguments.Get("MERGE"));
  KABAR_ASSIGN_OR_RETURN(const ContactMerge merge,
                         api.Call(&ContactsService::Stub::UndoMerge, request));
  return Print(session, merge,
               absl::StrCat(merge.survivor_id(), " and ", merge.merged_id(), " are two again"));
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::ListMergesRequest request;
  request.set_contact_id(arguments.Get("contact"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListMergesResponse response,
                         api.List(&ContactsService::Stub::ListMerges, request, paging));
  Table table({{"ID"}, {"TIME"}, {"SURVIVOR"}, {"WHO"}, {"MERGED"}, {"WHO"}, {"WHY"}, {"UNDONE"}});
  for (const ContactMerge& merge : response.merges()) {
    table.Row({merge.id(), FormatTime(merge.time()), merge.survivor_id(),
               Brief(merge.survivor_before()), merge.merged_id(), Brief(merge.merged_before()),
               merge.by().empty() ? merge.reason() : absl::StrCat(merge.reason(), " ", merge.by()),
               FormatTime(merge.undo_time())});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands ContactMergeCommands() {
  return {
      {.noun = "contacts",
       .verb = "duplicates",
       .summary = "Lists pairs of contacts that may be one person.",
       .details =
           "Same name and address (or postcode), however written, and contacts for which the\n"
           "provider named one address of the other. Look, then merge by hand.",
       .options = WithPaging(),
       .run = Duplicates},
      {.noun = "contacts",
       .verb = "merge",
       .summary = "Makes one contact of two.",
       .details =
           "SURVIVOR keeps its own values and gets what it lacks from OTHER, whose id stands\n"
           "for SURVIVOR from then on. An opt-out of either holds. Can be undone.",
       .positionals = {{"SURVIVOR", "the contact that stays", "survivor_id"},
                       {"OTHER", "the contact that becomes part of it", "merged_id"}},
       .run = Join},
      {.noun = "contacts",
       .verb = "unmerge",
       .summary = "Undoes a merge: two contacts again.",
       .details = "Each gets back what it had. What came since stays with the survivor, unless it\n"
                  "came by a phone or BSUID of the other.",
       .positionals = {{"MERGE", "the merge's id (contacts merges)", "merge_id"}},
       .run = Part},
      {.noun = "contacts",
       .verb = "merges",
       .summary = "Lists merges, newest first, with what each contact had.",
       .options = WithPaging({{.name = "contact",
                               .value = "ID",
                               .help = "only of this contact",
                               .field = "contact_id"}}),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
