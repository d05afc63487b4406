// How the handler's mutating methods honour request ids; private to the handler's files.
#ifndef KABAR_SERVICES_TEMPLATES_MUTATE_H_
#define KABAR_SERVICES_TEMPLATES_MUTATE_H_

#include <string>

#include "libs/rpc/guard.h"
#include "libs/rpc/idempotency.h"
#include "services/templates/handler.h"

namespace kabar::templates {

template <typename Request, typename Response>
absl::Status Handler::Mutate(const rpc::Call& call, absl::string_view method,
                             const Request& request, Response* response,
                             absl::FunctionRef<absl::Status(Store::Unit&)> work) {
  return store_.Write(call.outlet, method, call.deadline, [&](Store::Unit& unit) {
    return rpc::RunOnceIn(unit, request.request_id(), method, request, response,
                          [&] { return work(unit); });
  });
}

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_MUTATE_H_
