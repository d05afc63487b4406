// Dead letters: looked at, applied again, dropped.
#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/handler.h"

namespace kabar::dispatcher {
namespace {

// What is no outlet's is for who answers for the installation.
template <typename Request>
rpc::Access AccessTo(const Request& request, rpc::Access usual) {
  return request.unowned() ? rpc::Access::kService : usual;
}

template <typename Request>
absl::StatusOr<std::string> OwnerOf(const rpc::Call& call, const Request& request) {
  if (!request.unowned()) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    return call.outlet;
  }
  if (call.outlet.empty()) return std::string();
  return base::Error(absl::StatusCode::kPermissionDenied, "OUTLET_NOT_YOURS",
                     "unowned letters are for a SERVICE key that is bound to no outlet and names "
                     "none");
}

absl::StatusOr<std::int64_t> LetterId(const std::string& id) {
  std::int64_t number = 0;
  if (absl::SimpleAtoi(id, &number) && number > 0) return number;
  return base::InvalidField("id", "is no dead letter's id; ListDeadLetters shows them");
}

}  // namespace

grpc::Status Handler::ListDeadLetters(grpc::ServerContext* context,
                                      const v1::ListDeadLettersRequest* request,
                                      v1::ListDeadLettersResponse* response) {
  const rpc::Access access = AccessTo(*request, rpc::Access::kRead);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::string owner, OwnerOf(call, *request));
    KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 20, 100));
    const std::string list = absl::StrCat("dead_letters/", request->kind(), "/", request->state());
    KABAR_ASSIGN_OR_RETURN(const std::string last, LastOfPageToken(list, request->page_token()));
    std::int64_t after = 0;
    if (!last.empty() && !absl::SimpleAtoi(last, &after)) {
      return base::InvalidField("page_token", "is not from an answer to the same list");
    }
    DeadLetterFilter filter{.kind = request->kind()};
    if (request->state() != v1::DeadLetter::STATE_UNSPECIFIED) {
      filter.state = static_cast<DeadLetter::State>(request->state());
    }
    KABAR_ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters,
                           store_.ListDeadLetters(owner, filter, after, limit, call.deadline));
    for (const DeadLetter& letter : letters) ToProto(letter, response->add_dead_letters());
    if (static_cast<int>(letters.size()) == limit) {
      response->set_next_page_token(MakePageToken(list, absl::StrCat(letters.back().id)));
    }
    return absl::OkStatus();
  });
}

grpc::Status Handler::GetDeadLetter(grpc::ServerContext* context,
                                    const v1::GetDeadLetterRequest* request,
                                    v1::DeadLetter* response) {
  const rpc::Access access = AccessTo(*request, rpc::Access::kRead);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::string owner, OwnerOf(call, *request));
    KABAR_ASSIGN_OR_RETURN(const std::int64_t id, LetterId(request->id()));
    KABAR_ASSIGN_OR_RETURN(const DeadLetter letter, store_.GetDeadLetter(owner, id, call.deadline));
    ToProto(letter, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::RetryDeadLetter(grpc::ServerContext* context,
                                      const v1::RetryDeadLetterRequest* request,
                                      v1::DeadLetter* response) {
  const rpc::Access access = AccessTo(*request, rpc::Access::kWrite);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::string owner, OwnerOf(call, *request));
    KABAR_ASSIGN_OR_RETURN(const std::int64_t id, LetterId(request->id()));
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_RETURN_IF_ERROR(CheckReason(request->reason(), /*required=*/false));
    KABAR_ASSIGN_OR_RETURN(const DeadLetter letter,
                           store_.RetryDeadLetter(owner, id, request->reason(),
                                                  MakeRequestKey(call, "RetryDeadLetter",
                                                                 request->request_id(), *request),
                                                  call.deadline));
    ToProto(letter, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::DropDeadLetter(grpc::ServerContext* context,
                                     const v1::DropDeadLetterRequest* request,
                                     v1::DeadLetter* response) {
  const rpc::Access access = AccessTo(*request, rpc::Access::kWrite);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::string owner, OwnerOf(call, *request));
    KABAR_ASSIGN_OR_RETURN(const std::int64_t id, LetterId(request->id()));
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_RETURN_IF_ERROR(CheckReason(request->reason(), /*required=*/true));
    KABAR_ASSIGN_OR_RETURN(const DeadLetter letter,
                           store_.DropDeadLetter(owner, id, request->reason(),
                                                 MakeRequestKey(call, "DropDeadLetter",
                                                                request->request_id(), *request),
                                                 call.deadline));
    ToProto(letter, response);
    return absl::OkStatus();
  });
}

}  // namespace kabar::dispatcher
