// Calls of one service:
//
//   Api<contacts::v1::ContactsService> contacts(session, Area::kContacts);
//   KABAR_ASSIGN_OR_RETURN(auto contact, contacts.Call(&ContactsService::Stub::GetContact,
//   request));
//
// Every call has a deadline and the key; every mutating one a fresh request_id, the same in each
// attempt. Included by the files of the nouns only: it needs the generated stubs.
//
// Thread safety: as Session. Blocks: until the answer or the deadline. Errors: the service's, with
// its name (errors.h).
#ifndef KABAR_TOOLS_KABARCTL_API_H_
#define KABAR_TOOLS_KABARCTL_API_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/paging.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

template <typename Service>
class Api {
 public:
  using Stub = typename Service::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  Api(Session& session, Area area)
      : session_(session), area_(area), stub_(Service::NewStub(session.Channel(area))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method,
                                std::type_identity_t<Request> request) {
    if constexpr (requires { request.set_request_id(std::string()); }) {
      request.set_request_id(base::NewId("req"));
    }
    Response response;
    KABAR_RETURN_IF_ERROR(session_.Attempt(area_, [&](grpc::ClientContext& context) {
      response.Clear();
      return rpc::ToAbsl((stub_.get()->*method)(&context, request, &response));
    }));
    return response;
  }

  // Page after page until `paging.limit` entries are there, all in the first response.
  template <typename Request, typename Response>
  absl::StatusOr<Response> List(Method<Request, Response> method,
                                std::type_identity_t<Request> request, const Paging& paging) {
    Response all;
    all.set_next_page_token(paging.token);
    do {
      request.set_page_token(all.next_page_token());
      request.set_page_size(paging.PageSize(CountEntries(all)));
      KABAR_ASSIGN_OR_RETURN(Response page, Call(method, request));
      all.MergeFrom(page);
      all.set_next_page_token(page.next_page_token());
    } while (!all.next_page_token().empty() && !paging.Reached(CountEntries(all)));
    return all;
  }

  Stub& stub() { return *stub_; }

 private:
  Session& session_;
  const Area area_;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_API_H_
