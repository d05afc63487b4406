// How the handler's mutating methods honour request ids; private to the handler's files.
#ifndef KABAR_SERVICES_TRIGGERS_MUTATE_H_
#define KABAR_SERVICES_TRIGGERS_MUTATE_H_

#include <string>

#include "libs/rpc/guard.h"
#include "libs/rpc/idempotency.h"
#include "services/triggers/handler.h"

namespace kabar::triggers {

template <typename Request, typename Response>
absl::Status Handler::Mutate(const rpc::Call& call, absl::string_view method,
                             const Request& request, Response* response,
                             absl::FunctionRef<absl::Status(Store::Unit&)> work) {
  return store_.Write(call.outlet, method, call.deadline, [&](Store::Unit& unit) -> absl::Status {
    response->Clear();
    rpc::RequestLog log;
    log.reserve = [&](const rpc::RequestRecord& mine) {
      return unit.ReserveRequest(request.request_id(), mine);
    };
    log.save = [&](const std::string& answer) {
      return unit.SaveResponse(request.request_id(), answer);
    };
    return rpc::RunOnce(request.request_id(), method, request, response, log,
                        [&] { return work(unit); });
  });
}

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_MUTATE_H_
