// Handler::Mutate, for the files of the handler; private to them.
//
// Thread safety, blocking, errors: as the handler.
#ifndef KABAR_SERVICES_CAMPAIGNS_MUTATE_H_
#define KABAR_SERVICES_CAMPAIGNS_MUTATE_H_

#include <string>

#include "libs/rpc/guard.h"
#include "libs/rpc/idempotency.h"
#include "services/campaigns/handler.h"

namespace kabar::campaigns {

template <typename Request, typename Response>
absl::Status Handler::Mutate(const rpc::Call& call, absl::string_view method,
                             const Request& request, Response* response,
                             absl::FunctionRef<absl::Status(Store::Unit&)> work) {
  const absl::Status done =
      store_.Write(call.outlet, method, call.deadline, [&](Store::Unit& unit) {
        return rpc::RunOnceIn(unit, request.request_id(), method, request, response,
                              [&] { return work(unit); });
      });
  if (done.ok()) wake_();
  return done;
}

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_MUTATE_H_
