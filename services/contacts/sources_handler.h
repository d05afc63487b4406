// gRPC kabar.contacts.v1.SourcesService: the tracking APIs that are pulled.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline. Errors:
// those of libs/rpc/guard.h, of source.h and of store.h.
#ifndef KABAR_SERVICES_CONTACTS_SOURCES_HANDLER_H_
#define KABAR_SERVICES_CONTACTS_SOURCES_HANDLER_H_

#include <utility>

#include "kabar/contacts/v1/sources.grpc.pb.h"
#include "services/contacts/source.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
}

namespace kabar::contacts {

class Store;

class SourcesHandler : public v1::SourcesService::Service {
 public:
  // All but the rules outlive the handler.
  SourcesHandler(Store& store, SourceRules rules, base::Clock& clock, rpc::Guard& guard)
      : store_(store), rules_(std::move(rules)), clock_(clock), guard_(guard) {}

  grpc::Status PutSource(grpc::ServerContext* context, const v1::PutSourceRequest* request,
                         v1::Source* response) override;
  grpc::Status ListSources(grpc::ServerContext* context, const v1::ListSourcesRequest* request,
                           v1::ListSourcesResponse* response) override;
  grpc::Status DeleteSource(grpc::ServerContext* context, const v1::DeleteSourceRequest* request,
                            v1::DeleteSourceResponse* response) override;
  grpc::Status PullSource(grpc::ServerContext* context, const v1::PullSourceRequest* request,
                          v1::Source* response) override;
  grpc::Status ListRefusedRows(grpc::ServerContext* context,
                               const v1::ListRefusedRowsRequest* request,
                               v1::ListRefusedRowsResponse* response) override;

 private:
  Store& store_;
  const SourceRules rules_;
  base::Clock& clock_;
  rpc::Guard& guard_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SOURCES_HANDLER_H_
