#include "services/contacts/imports_handler.h"

#include <string>
#include <vector>

#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/paging.h"
#include "services/contacts/store.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 20;
constexpr int kMaxPage = 200;
constexpr char kList[] = "imports";

template <typename Request>
absl::StatusOr<ImportRecord> Named(Store::Unit& unit, const Request& request) {
  if (request.id().empty() && request.import_request_id().empty()) {
    return base::InvalidField("id", "is required, or import_request_id");
  }
  return unit.GetImport(request.id(), request.import_request_id());
}

}  // namespace

grpc::Status ImportsHandler::GetImport(grpc::ServerContext* context,
                                       const v1::GetImportRequest* request, v1::Import* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(call.outlet, "GetImport", call.deadline,
                       [&](Store::Unit& unit) -> absl::Status {
                         KABAR_ASSIGN_OR_RETURN(const ImportRecord import, Named(unit, *request));
                         ToProto(import, response);
                         return absl::OkStatus();
                       });
  });
}

grpc::Status ImportsHandler::ListImports(grpc::ServerContext* context,
                                         const v1::ListImportsRequest* request,
                                         v1::ListImportsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        KABAR_ASSIGN_OR_RETURN(const std::string before,
                               LastOfPageToken(kList, request->page_token()));
        std::vector<ImportRecord> imports;
        KABAR_RETURN_IF_ERROR(store_.Read(
            call.outlet, "ListImports", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(imports, unit.ListImports(before, size + 1));
              return absl::OkStatus();
            }));
        if (imports.size() > static_cast<std::size_t>(size)) {
          imports.pop_back();
          response->set_next_page_token(MakePageToken(kList, imports.back().id));
        }
        for (const ImportRecord& import : imports) ToProto(import, response->add_imports());
        return absl::OkStatus();
      });
}

grpc::Status ImportsHandler::CancelImport(grpc::ServerContext* context,
                                          const v1::CancelImportRequest* request,
                                          v1::Import* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return store_.Write(
        call.outlet, "CancelImport", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const ImportRecord import, Named(unit, *request));
          KABAR_RETURN_IF_ERROR(unit.CancelImport(import.id));
          KABAR_ASSIGN_OR_RETURN(const ImportRecord now, unit.GetImport(import.id, ""));
          ToProto(now, response);
          return absl::OkStatus();
        });
  });
}

}  // namespace kabar::contacts
