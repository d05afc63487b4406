// Consents.
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kMaxPage = 1000;

}  // namespace

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
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "SetConsent",
                  .target = absl::StrCat("contact/", saved.contact_id),
                  .after = {{"purpose", std::string(PurposeName(saved.purpose))},
                            {"state", saved.opted_out ? "OPTED_OUT" : "OPTED_IN"},
                            {"source", saved.source}}});
      ToProto(saved, response);
      return absl::OkStatus();
    };
    return Mutate(call, "SetConsent", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::ListConsents(grpc::ServerContext* context,
                                   const v1::ListConsentsRequest* request,
                                   v1::ListConsentsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size(), kMaxPage, kMaxPage));
        const std::string list = absl::StrCat("consents ", request->contact_id());
        KABAR_ASSIGN_OR_RETURN(const int64_t before,
                               NumberOfPageToken(list, request->page_token()));
        return store_.Read(
            call.outlet, "ListConsents", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(std::vector<Consent> found,
                                     unit.ListConsents(request->contact_id(), before, size + 1));
              response->Clear();
              const bool more = found.size() > static_cast<std::size_t>(size);
              if (more) found.pop_back();
              for (const Consent& one : found) ToProto(one, response->add_consents());
              if (more) {
                response->set_next_page_token(
                    MakePageToken(list, absl::StrCat(found.back().number)));
              }
              return absl::OkStatus();
            });
      });
}

}  // namespace kabar::contacts
