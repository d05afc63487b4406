// How the handler's mutating methods honour request ids; private to the handler's files.
#ifndef KABAR_SERVICES_CONTACTS_MUTATE_H_
#define KABAR_SERVICES_CONTACTS_MUTATE_H_

#include <string>

#include "libs/rpc/guard.h"
#include "libs/rpc/idempotency.h"
#include "services/contacts/handler.h"

namespace kabar::contacts {

template <typename Request, typename Response>
absl::Status Handler::Mutate(const rpc::Call& call, absl::string_view method,
                             const std::string& request_id, const Request& request,
                             Response* response, Store::Work work) {
  return store_.Write(call.outlet, method, call.deadline, [&](Store::Unit& unit) {
    return rpc::RunOnceIn(unit, request_id, method, request, response, [&] { return work(unit); });
  });
}

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_MUTATE_H_
