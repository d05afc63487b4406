// Consents.
#include <vector>

#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"

namespace kabar::contacts {

grpc::Status Handler::SetConsent(grpc::ServerContext* context, const v1::SetConsentRequest* request,
                                 v1::Consent* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      const v1::Consent& from = request->consent();
      if (from.contact_id().empty()) return base::InvalidField("consent.contact_id", "is required");
      Consent wanted;
      wanted.contact_id = from.contact_id();
      KABAR_ASSIGN_OR_RETURN(wanted.purpose, FromProto(from.purpose(), "consent.purpose"));
      if (from.state() != v1::OPTED_IN && from.state() != v1::OPTED_OUT) {
        return base::InvalidField("consent.state", "is required: OPTED_IN or OPTED_OUT");
      }
      wanted.opted_out = from.state() == v1::OPTED_OUT;
      wanted.source = from.source().empty() ? "operator" : from.source();
      if (const std::string fault = TextFault(wanted.source, kMaxShortText); !fault.empty()) {
        return base::InvalidField("consent.source", fault);
      }
      wanted.changed_at = Now();
      KABAR_ASSIGN_OR_RETURN(const Consent saved, unit.SetConsent(wanted));
      ToProto(saved, response);
      return absl::OkStatus();
    };
    return Mutate(call, "SetConsent", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::ListConsents(grpc::ServerContext* context,
                                   const v1::ListConsentsRequest* request,
                                   v1::ListConsentsResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(call.outlet, "ListConsents", call.deadline,
                       [&](Store::Unit& unit) -> absl::Status {
                         KABAR_ASSIGN_OR_RETURN(const std::vector<Consent> found,
                                                unit.ListConsents(request->contact_id()));
                         response->Clear();
                         for (const Consent& one : found) ToProto(one, response->add_consents());
                         return absl::OkStatus();
                       });
  });
}

}  // namespace kabar::contacts
