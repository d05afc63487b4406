#include <string>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/csv_stream.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;

absl::StatusOr<int> ExportContacts(Session& session, const Arguments& arguments) {
  contacts::v1::ExportContactsRequest request;
  request.set_filter(arguments.Get("filter"));
  request.set_reason(arguments.Get("reason"));
  for (const std::string& name : arguments.All("attribute")) request.add_attributes(name);
  return StreamCsv<ContactsService, contacts::v1::ExportContactsResponse>(
      session, Area::kContacts, arguments,
      [&](ContactsService::Stub& stub, grpc::ClientContext& context) {
        return stub.ExportContacts(&context, request);
      });
}

absl::StatusOr<int> ExportShipments(Session& session, const Arguments& arguments) {
  contacts::v1::ExportShipmentsRequest request;
  request.set_filter(arguments.Get("filter"));
  request.set_reason(arguments.Get("reason"));
  return StreamCsv<ContactsService, contacts::v1::ExportShipmentsResponse>(
      session, Area::kContacts, arguments,
      [&](ContactsService::Stub& stub, grpc::ClientContext& context) {
        return stub.ExportShipments(&context, request);
      });
}

Option Filter() {
  return {.name = "filter",
          .value = "FILTER",
          .help = "which, e.g. 'city = \"Bogor\"'; all without it",
          .field = "filter"};
}
}  // namespace

Commands ContactExportCommands() {
  return {
      {.noun = "contacts",
       .verb = "export",
       .summary = "Writes contacts as CSV, by filter.",
       .details = "The columns are such as `contacts import` takes. Personal data: keep the file\n"
                  "from others. Noted in the audit log.",
       .options = {Filter(),
                   {.name = "attribute",
                    .value = "NAME",
                    .help = "a free attribute as a column",
                    .field = "attributes",
                    .repeated = true},
                   ExportTo(),
                   ExportReason()},
       .run = ExportContacts},
      {.noun = "shipments",
       .verb = "export",
       .summary = "Writes shipments as CSV, by filter.",
       .details =
           "The columns are such as `contacts import` takes, with the phone and name of the\n"
           "contact. Noted in the audit log.",
       .options = {Filter(), ExportTo(), ExportReason()},
       .run = ExportShipments},
  };
}

}  // namespace kabar::kabarctl
