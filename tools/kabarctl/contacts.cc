#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/contacts_import.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::Contact;
using contacts::v1::ContactsService;

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::ListContactsRequest request;
  request.set_filter(arguments.Get("filter"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListContactsResponse response,
                         api.List(&ContactsService::Stub::ListContacts, request, paging));
  Table table({{"ID"}, {"NAME"}, {"PHONE"}, {"CITY"}, {"SERVICE"}, {"VIP"}, {"TAGS"}});
  for (const Contact& contact : response.contacts()) {
    table.Row({contact.id(), Shortened(contact.name(), 40), contact.phone(), contact.city(),
               contact.service_type(), contact.vip() ? "yes" : "",
               absl::StrJoin(contact.tags(), ", ")});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Get(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::GetContactRequest request;
  request.set_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const Contact contact,
                         api.Call(&ContactsService::Stub::GetContact, request));
  if (session.json()) {
    session.out() << Json(contact);
    return kExitOk;
  }
  std::vector<std::pair<std::string, std::string>> lines = {
      {"id", contact.id()},
      {"name", contact.name()},
      {"phone", contact.phone()},
      {"bsuid", contact.bsuid()},
      {"username", contact.username()},
      {"address", contact.address()},
      {"city", contact.city()},
      {"subdistrict", contact.subdistrict()},
      {"district", contact.district()},
      {"province", contact.province()},
      {"postcode", contact.postcode()},
      {"time zone", contact.activity().time_zone()},
      {"service type", contact.service_type()},
      {"vip", contact.vip() ? "yes" : "no"},
      {"preferred time", contact.preferred_time()},
      {"language", contact.language()},
      {"style", contact.style()},
      {"satisfaction",
       contact.satisfaction() == 0 ? "" : absl::StrCat(contact.satisfaction(), " of 5")},
      {"notes", contact.notes()},
      {"lifecycle", contacts::v1::ContactActivity::Lifecycle_Name(contact.activity().lifecycle())},
      {"shipments",
       absl::StrCat(contact.activity().shipments_total(), " (", contact.activity().regular(),
                    " regular, ", contact.activity().express(), " express, ",
                    contact.activity().cod(), " COD, ", contact.activity().corporate(),
                    " corporate)")},
      {"last shipment", FormatTime(contact.activity().last_shipment_time())},
      {"tags", absl::StrJoin(contact.tags(), ", ")},
      {"last message from", FormatTime(contact.last_inbound_time())},
      {"created", FormatTime(contact.create_time())},
      {"updated", FormatTime(contact.update_time())}};
  for (const auto& [name, value] : contact.attributes()) {
    lines.emplace_back(absl::StrCat("  ", OneLine(name)), value);
  }
  for (const contacts::v1::ContactIdentity& known_by : contact.identities()) {
    const std::string& value = known_by.value();
    if (value == contact.phone() || value == contact.bsuid() || value == contact.username()) {
      continue;
    }
    lines.emplace_back("also known by", known_by.has_former_since()
                                            ? absl::StrCat(value, " (until ",
                                                           FormatTime(known_by.former_since()), ")")
                                            : value);
  }
  session.out() << Details(lines);
  return kExitOk;
}

}  // namespace

Commands ContactCommands() {
  return {
      {.noun = "contacts",
       .verb = "import",
       .summary = "Imports a CSV or .xlsx of contacts and shipments (the morning file).",
       .details =
           "CSV (comma, semicolon or tab; UTF-8 or Windows-1252) or an Excel workbook; Indonesian "
           "or\n"
           "English headers. Contacts are known by\n"
           "their phone, shipments by their tracking number: importing a file again updates them.\n"
           "Rows that cannot be taken stop nothing; they are written beside the file with their\n"
           "reasons (personal data: readable by you only). Exit code 1 only if the file as a "
           "whole\n"
           "was refused. With --json the report has no refused_csv: that is the file. An import "
           "that\n"
           "broke off goes on with the same file and --request-id (it says which); `kabarctl "
           "imports`\n"
           "shows and cancels imports.",
       .positionals = {{"FILE", "the file; - for standard input"}},
       .options = {{.name = "map",
                    .value = "HEADER=FIELD",
                    .help = "what a column means, e.g. \"No. Paket=no_resi\"",
                    .field = "options.mapping",
                    .repeated = true},
                   {.name = "delimiter",
                    .value = "CHAR",
                    .help = "instead of finding it; \\t for a tab",
                    .field = "options.delimiter"},
                   {.name = "sheet",
                    .value = "NAME",
                    .help = "of a workbook (default: the first that is shown)",
                    .field = "options.sheet"},
                   {.name = "request-id",
                    .value = "ID",
                    .help = "of an import that broke off, to go on with it",
                    .field = "options.request_id"},
                   {.name = "refused",
                    .value = "FILE",
                    .help = "where refused rows go (default FILE.refused.csv)"},
                   {.name = "strict", .help = "exit code 1 also if any row was refused"}},
       .run = ImportContacts},
      {.noun = "contacts",
       .verb = "list",
       .summary = "Lists contacts.",
       .options = WithPaging({{.name = "filter",
                               .value = "FILTER",
                               .help = "as of a segment, e.g. 'city = \"Jakarta\" AND vip = true'",
                               .field = "filter"}}),
       .run = List},
      {.noun = "contacts",
       .verb = "get",
       .summary = "Shows one contact.",
       .positionals = {{"ID", "the contact's id", "id"}},
       .run = Get},
  };
}

}  // namespace kabar::kabarctl
