#include <memory>
#include <string>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;

constexpr absl::Duration kUsualTimeout = absl::Hours(1);

// What the stream brings goes to --to as it comes; a file that did not end well is removed.
template <typename Response, typename Open>
absl::StatusOr<int> Stream(Session& session, const Arguments& arguments, Open open) {
  const auto stub = ContactsService::NewStub(session.Channel(Area::kContacts));
  const absl::Duration timeout = session.Timeout(kUsualTimeout);
  grpc::ClientContext context;
  session.Prepare(context, timeout);
  const std::string path = arguments.Get("to");
  PrivateFile file;
  if (!path.empty()) KABAR_RETURN_IF_ERROR(file.Open(path));
  const auto reader = open(*stub, context);
  absl::Status written;
  Response piece;
  while (reader->Read(&piece)) {
    if (path.empty()) {
      session.out() << piece.csv();
    } else if (written.ok()) {
      written = file.Write(piece.csv());
      if (!written.ok()) context.TryCancel();
    }
  }
  const absl::Status status = rpc::ToAbsl(reader->Finish());
  KABAR_RETURN_IF_ERROR(written);
  if (!status.ok()) return session.Named(status, Area::kContacts, timeout);
  if (!path.empty()) KABAR_RETURN_IF_ERROR(file.Finish());
  return kExitOk;
}

absl::StatusOr<int> ExportContacts(Session& session, const Arguments& arguments) {
  contacts::v1::ExportContactsRequest request;
  request.set_filter(arguments.Get("filter"));
  request.set_reason(arguments.Get("reason"));
  for (const std::string& name : arguments.All("attribute")) request.add_attributes(name);
  return Stream<contacts::v1::ExportContactsResponse>(
      session, arguments, [&](ContactsService::Stub& stub, grpc::ClientContext& context) {
        return stub.ExportContacts(&context, request);
      });
}

absl::StatusOr<int> ExportShipments(Session& session, const Arguments& arguments) {
  contacts::v1::ExportShipmentsRequest request;
  request.set_filter(arguments.Get("filter"));
  request.set_reason(arguments.Get("reason"));
  return Stream<contacts::v1::ExportShipmentsResponse>(
      session, arguments, [&](ContactsService::Stub& stub, grpc::ClientContext& context) {
        return stub.ExportShipments(&context, request);
      });
}

Option Filter() {
  return {.name = "filter",
          .value = "FILTER",
          .help = "which, e.g. 'city = \"Bogor\"'; all without it",
          .field = "filter"};
}
Option To() {
  return {.name = "to",
          .value = "FILE",
          .help = "where to; readable by you only. Standard output without it"};
}
Option Reason() {
  return {
      .name = "reason", .value = "TEXT", .help = "for the audit log: what for", .field = "reason"};
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
                   To(),
                   Reason()},
       .run = ExportContacts},
      {.noun = "shipments",
       .verb = "export",
       .summary = "Writes shipments as CSV, by filter.",
       .details =
           "The columns are such as `contacts import` takes, with the phone and name of the\n"
           "contact. Noted in the audit log.",
       .options = {Filter(), To(), Reason()},
       .run = ExportShipments},
  };
}

}  // namespace kabar::kabarctl
