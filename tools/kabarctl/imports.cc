#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/imports.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::Import;
using contacts::v1::ImportsService;

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<ImportsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(
      const contacts::v1::ListImportsResponse response,
      api.List(&ImportsService::Stub::ListImports, contacts::v1::ListImportsRequest(), paging));
  Table table({{"ID"},
               {"BEGAN"},
               {"STATE"},
               {"ROWS", true},
               {"ACCEPTED", true},
               {"REFUSED", true},
               {"ERROR"}});
  for (const Import& import : response.imports()) {
    table.Row({import.id(), FormatTime(import.create_time()), Import::State_Name(import.state()),
               absl::StrCat(import.rows()), absl::StrCat(import.accepted()),
               absl::StrCat(import.refused()), Shortened(import.error(), 60)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

void Print(Session& session, const Import& import) {
  if (session.json()) {
    session.out() << Json(import);
    return;
  }
  session.out() << Details({{"id", import.id()},
                            {"request id", import.request_id()},
                            {"state", Import::State_Name(import.state())},
                            {"rows", absl::StrCat(import.rows())},
                            {"accepted", absl::StrCat(import.accepted())},
                            {"refused", absl::StrCat(import.refused())},
                            {"contacts", absl::StrCat(import.contacts_created(), " new, ",
                                                      import.contacts_updated(), " updated")},
                            {"shipments", absl::StrCat(import.shipments_created(), " new, ",
                                                       import.shipments_updated(), " updated")},
                            {"error", OneLine(import.error())},
                            {"began", FormatTime(import.create_time())},
                            {"last chunk", FormatTime(import.update_time())}});
}

// One of the calls about one import.
template <typename Request>
absl::StatusOr<int> One(Session& session, const Arguments& arguments,
                        Api<ImportsService>::Method<Request, Import> method) {
  Request request;
  const std::string& id = arguments.Get("ID");
  if (absl::StartsWith(id, "imp_")) {
    request.set_id(id);
  } else {
    request.set_import_request_id(id);
  }
  Api<ImportsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Import import, api.Call(method, request));
  Print(session, import);
  return kExitOk;
}

absl::StatusOr<int> Get(Session& session, const Arguments& arguments) {
  return One<contacts::v1::GetImportRequest>(session, arguments, &ImportsService::Stub::GetImport);
}
absl::StatusOr<int> Cancel(Session& session, const Arguments& arguments) {
  return One<contacts::v1::CancelImportRequest>(session, arguments,
                                                &ImportsService::Stub::CancelImport);
}

}  // namespace

Commands ImportCommands() {
  const std::vector<Positional> id = {{"ID", "the import's id, or its request id"}};
  return {
      {.noun = "imports",
       .verb = "list",
       .summary = "Lists imports, the newest first.",
       .options = WithPaging(),
       .run = List},
      {.noun = "imports",
       .verb = "get",
       .summary = "Shows how far an import has come.",
       .positionals = id,
       .run = Get},
      {.noun = "imports",
       .verb = "cancel",
       .summary = "Ends an import behind the chunk in hand; what was taken stays.",
       .positionals = id,
       .run = Cancel},
  };
}

}  // namespace kabar::kabarctl
