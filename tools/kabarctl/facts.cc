// What other parts of the business know about contacts, and what of it keeps marketing away.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/time_option.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using contacts::v1::Fact;
using contacts::v1::FactKind;
using contacts::v1::FactKind_Name;
using contacts::v1::MarketingSuppressions;

absl::StatusOr<int> Record(Session& session, const Arguments& arguments) {
  contacts::v1::RecordFactRequest request;
  Fact& fact = *request.mutable_fact();
  fact.set_contact_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const int kind, ParseEnum(contacts::v1::FactKind_descriptor(), "KIND",
                                                   arguments.Get("KIND")));
  fact.set_kind(static_cast<FactKind>(kind));
  fact.set_reference(arguments.Get("REFERENCE"));
  fact.set_source(arguments.Has("source") ? arguments.Get("source") : "operator");
  fact.set_state(arguments.Has("closed") ? Fact::CLOSED : Fact::OPEN);
  KABAR_ASSIGN_OR_RETURN(const std::int64_t amount, arguments.Integer("amount", 0));
  fact.set_amount(amount);
  if (arguments.Has("time")) KABAR_RETURN_IF_ERROR(TimeOption(arguments, fact.mutable_time()));
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Fact saved, api.Call(&ContactsService::Stub::RecordFact, request));
  if (session.json()) {
    session.out() << Json(saved);
  } else {
    session.out() << saved.contact_id() << ": " << FactKind_Name(saved.kind()) << " "
                  << OneLine(saved.reference()) << " " << Fact::State_Name(saved.state())
                  << " since " << FormatTime(saved.time())
                  << (saved.state() == fact.state() ? "" : ": a later word, which counts") << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::ListFactsRequest request;
  request.set_contact_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListFactsResponse response,
                         api.List(&ContactsService::Stub::ListFacts, request, paging));
  Table table({{"KIND"}, {"REFERENCE"}, {"STATE"}, {"SINCE"}, {"AMOUNT", true}, {"SOURCE"}});
  for (const Fact& one : response.facts()) {
    table.Row({FactKind_Name(one.kind()), Shortened(one.reference(), 40),
               Fact::State_Name(one.state()), FormatTime(one.time()),
               one.amount() == 0 ? "" : absl::StrCat(one.amount()), Shortened(one.source(), 30)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

int Print(Session& session, const MarketingSuppressions& now) {
  if (session.json()) {
    session.out() << Json(now);
    return kExitOk;
  }
  const auto names = [](const auto& kinds) {
    const std::string joined = absl::StrJoin(kinds, ", ", [](std::string* out, int kind) {
      absl::StrAppend(out, FactKind_Name(static_cast<FactKind>(kind)));
    });
    return joined.empty() ? std::string("none") : joined;
  };
  session.out() << Details(
      {{"keep marketing away", names(now.on())}, {"switched off", names(now.switched_off())}});
  return kExitOk;
}

absl::StatusOr<int> ShowSuppressions(Session& session, const Arguments&) {
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions now,
                         api.Call(&ContactsService::Stub::GetMarketingSuppressions,
                                  contacts::v1::GetMarketingSuppressionsRequest()));
  return Print(session, now);
}

absl::StatusOr<std::vector<FactKind>> KindsOf(const Arguments& arguments) {
  std::vector<FactKind> kinds;
  for (const std::string& word : arguments.All("KIND")) {
    KABAR_ASSIGN_OR_RETURN(const int kind,
                           ParseEnum(contacts::v1::FactKind_descriptor(), "KIND", word));
    kinds.push_back(static_cast<FactKind>(kind));
  }
  return kinds;
}

// Those that are off already stay off; switched on are those named, or all.
absl::StatusOr<int> Switch(Session& session, const Arguments& arguments, bool off) {
  KABAR_ASSIGN_OR_RETURN(const std::vector<FactKind> kinds, KindsOf(arguments));
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions before,
                         api.Call(&ContactsService::Stub::GetMarketingSuppressions,
                                  contacts::v1::GetMarketingSuppressionsRequest()));
  contacts::v1::UpdateMarketingSuppressionsRequest request;
  for (const int kind : before.switched_off()) {
    const bool named = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    if (!named && (off || !kinds.empty())) request.add_switched_off(static_cast<FactKind>(kind));
  }
  if (off) {
    for (const FactKind kind : kinds) request.add_switched_off(kind);
  }
  KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions now,
                         api.Call(&ContactsService::Stub::UpdateMarketingSuppressions, request));
  return Print(session, now);
}
absl::StatusOr<int> SwitchOff(Session& session, const Arguments& arguments) {
  return Switch(session, arguments, /*off=*/true);
}
absl::StatusOr<int> SwitchOn(Session& session, const Arguments& arguments) {
  return Switch(session, arguments, /*off=*/false);
}

constexpr char kKinds[] = "COMPLAINT, ESCALATION, OVERDUE_COD, OVERDUE_INVOICE, ORDER";
constexpr char kSuppressing[] = "COMPLAINT, ESCALATION, OVERDUE_COD, OVERDUE_INVOICE";

}  // namespace

Commands FactCommands() {
  return {
      {.noun = "facts",
       .verb = "record",
       .summary = "Records an open complaint, an overdue invoice, an order, ... of a contact.",
       .details = "The same kind, source and reference again is the same fact, as it is now. Open\n"
                  "ones but orders keep the contact out of marketing (kabarctl suppressions).",
       .positionals = {{"ID", "the contact's id", "fact.contact_id"},
                       {"KIND", kKinds, "fact.kind"},
                       {"REFERENCE", "the number of the complaint, invoice, order",
                        "fact.reference"}},
       .options = {{.name = "closed", .help = "it is settled"},
                   {.name = "source",
                    .value = "TEXT",
                    .help = "who says so (default operator)",
                    .field = "fact.source"},
                   {.name = "amount",
                    .value = "RUPIAH",
                    .help = "how much it is about",
                    .field = "fact.amount"},
                   {.name = "time",
                    .value = "TIME",
                    .help = "since when it is so: 2026-11-22T08:00:00+07:00 or \"2026-11-22 08:00 "
                            "WIB\" (default: now)",
                    .field = "fact.time"}},
       .run = Record},
      {.noun = "facts",
       .verb = "list",
       .summary = "Lists what is recorded of a contact.",
       .positionals = {{"ID", "the contact's id", "contact_id"}},
       .options = WithPaging(),
       .run = List},
      {.noun = "suppressions",
       .verb = "show",
       .summary = "Shows which open facts keep contacts out of marketing.",
       .run = ShowSuppressions},
      {.noun = "suppressions",
       .verb = "switch-off",
       .summary = "Lets contacts with such open facts have marketing (owners only).",
       .positionals = {{"KIND", kSuppressing, "switched_off", true, true}},
       .run = SwitchOff},
      {.noun = "suppressions",
       .verb = "switch-on",
       .summary = "Keeps them out of marketing again; without a kind, for all (owners only).",
       .positionals = {{"KIND", kSuppressing, "switched_off", false, true}},
       .run = SwitchOn},
  };
}

}  // namespace kabar::kabarctl
