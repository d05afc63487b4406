// gRPC kabar.contacts.v1.ImportsService: shows and cancels imports.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline. Errors:
// those of libs/rpc/guard.h and of store.h; INVALID_ARGUMENT with field violations.
#ifndef KABAR_SERVICES_CONTACTS_IMPORTS_HANDLER_H_
#define KABAR_SERVICES_CONTACTS_IMPORTS_HANDLER_H_

#include "kabar/contacts/v1/imports.grpc.pb.h"

namespace kabar::rpc {
class Guard;
}

namespace kabar::contacts {

class Store;

class ImportsHandler : public v1::ImportsService::Service {
 public:
  // Both outlive the handler.
  ImportsHandler(Store& store, rpc::Guard& guard) : store_(store), guard_(guard) {}

  grpc::Status GetImport(grpc::ServerContext* context, const v1::GetImportRequest* request,
                         v1::Import* response) override;
  grpc::Status ListImports(grpc::ServerContext* context, const v1::ListImportsRequest* request,
                           v1::ListImportsResponse* response) override;
  grpc::Status CancelImport(grpc::ServerContext* context, const v1::CancelImportRequest* request,
                            v1::Import* response) override;

 private:
  Store& store_;
  rpc::Guard& guard_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORTS_HANDLER_H_
