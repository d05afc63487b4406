// For kabarctl's tests: the contract of audit, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_AUDIT_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_AUDIT_H_

#include <mutex>

#include "kabar/audit/v1/audit.grpc.pb.h"
#include "libs/rpc/guard.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

class FakeAudit : public audit::v1::AuditService::Service {
 public:
  FakeAudit(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status ListAuditLog(grpc::ServerContext* context,
                            const audit::v1::ListAuditLogRequest* request,
                            audit::v1::ListAuditLogResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.audit_asked = *request;
      if (!world_.audit.empty()) {
        *response = world_.audit.front();
        world_.audit.erase(world_.audit.begin());
      }
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_AUDIT_H_
