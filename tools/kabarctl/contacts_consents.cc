#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::Consent;
using contacts::v1::ConsentState_Name;
using contacts::v1::ContactsService;

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::ListConsentsRequest request;
  request.set_contact_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListConsentsResponse response,
                         api.List(&ContactsService::Stub::ListConsents, request, paging));
  Table table({{"TIME"}, {"PURPOSE"}, {"STATE"}, {"SOURCE"}, {"MERGED FROM"}});
  for (const Consent& one : response.consents()) {
    table.Row({FormatTime(one.time()), contacts::v1::ConsentPurpose_Name(one.purpose()),
               ConsentState_Name(one.state()), Shortened(one.source(), 40), one.merged_from()});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Set(Session& session, const Arguments& arguments,
                        contacts::v1::ConsentState state) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::SetConsentRequest request;
  request.mutable_consent()->set_contact_id(arguments.Get("ID"));
  request.mutable_consent()->set_state(state);
  request.mutable_consent()->set_source(arguments.Get("source"));
  KABAR_ASSIGN_OR_RETURN(const auto purpose,
                         EnumOption<contacts::v1::ConsentPurpose>(arguments, "purpose"));
  request.mutable_consent()->set_purpose(purpose);
  KABAR_ASSIGN_OR_RETURN(const Consent consent,
                         api.Call(&ContactsService::Stub::SetConsent, request));
  if (session.json()) {
    session.out() << Json(consent);
  } else {
    session.out() << consent.contact_id() << ": "
                  << contacts::v1::ConsentPurpose_Name(consent.purpose()) << " "
                  << ConsentState_Name(consent.state()) << " since " << FormatTime(consent.time())
                  << " (" << OneLine(consent.source()) << ")\n";
  }
  return kExitOk;
}

absl::StatusOr<int> OptOut(Session& session, const Arguments& arguments) {
  return Set(session, arguments, contacts::v1::OPTED_OUT);
}

absl::StatusOr<int> OptIn(Session& session, const Arguments& arguments) {
  return Set(session, arguments, contacts::v1::OPTED_IN);
}

std::vector<Option> SetOptions() {
  return {{.name = "purpose",
           .value = "PURPOSE",
           .help = "DELIVERY_UPDATES or MARKETING",
           .field = "consent.purpose",
           .required = true},
          {.name = "source",
           .value = "TEXT",
           .help = "who said so, or where it is written down (default operator)",
           .field = "consent.source"}};
}

}  // namespace

Commands ContactConsentCommands() {
  return {
      {.noun = "contacts",
       .verb = "consents",
       .summary = "Lists what a contact agreed to and refused, every change, newest first.",
       .positionals = {{"ID", "the contact's id", "contact_id"}},
       .options = WithPaging(),
       .run = List},
      {.noun = "contacts",
       .verb = "opt-out",
       .summary = "Records that a contact wants no more messages of a purpose.",
       .positionals = {{"ID", "the contact's id", "consent.contact_id"}},
       .options = SetOptions(),
       .run = OptOut},
      {.noun = "contacts",
       .verb = "opt-in",
       .summary = "Records that a contact agreed to messages of a purpose.",
       .details =
           "Also after an opt-out: say in --source where he agreed. What the provider itself\n"
           "refuses (131050) is still not sent.",
       .positionals = {{"ID", "the contact's id", "consent.contact_id"}},
       .options = SetOptions(),
       .run = OptIn},
  };
}

}  // namespace kabar::kabarctl
