// gRPC kabar.audit.v1.AuditService over a service's own `audit_log`.
//
// Thread safety: safe for concurrent use. Blocks: on the database, until the call's deadline.
// Errors: those of libs/rpc/guard.h; INVALID_ARGUMENT with field violations.
#pragma once

#include "kabar/audit/v1/audit.grpc.pb.h"

namespace kabar::pg {
class Pool;
}
namespace kabar::rpc {
class Guard;
}

namespace kabar::audit {

class Handler : public v1::AuditService::Service {
 public:
  // Both outlive the handler; `pool`'s schema holds the table.
  Handler(pg::Pool& pool, rpc::Guard& guard) : pool_(pool), guard_(guard) {}

  grpc::Status ListAuditLog(grpc::ServerContext* context, const v1::ListAuditLogRequest* request,
                            v1::ListAuditLogResponse* response) override;

 private:
  pg::Pool& pool_;
  rpc::Guard& guard_;
};

}  // namespace kabar::audit
