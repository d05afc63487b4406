#include <grpcpp/grpcpp.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {

grpc::Status Handler::CreatePortfolio(grpc::ServerContext* context,
                                      const v1::CreatePortfolioRequest* request,
                                      v1::Portfolio* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(const Portfolio wanted, FromProto(request->portfolio(), call.outlet));
    KABAR_ASSIGN_OR_RETURN(
        const Portfolio portfolio,
        store_.CreatePortfolio(
            wanted, MakeRequestKey(call, "CreatePortfolio", request->request_id(), *request),
            call.deadline));
    ToProto(portfolio, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::UpdatePortfolio(grpc::ServerContext* context,
                                      const v1::UpdatePortfolioRequest* request,
                                      v1::Portfolio* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(const PortfolioChange change, ChangeFromProto(*request));
    KABAR_ASSIGN_OR_RETURN(const Portfolio portfolio,
                           store_.UpdatePortfolio(call.outlet, request->portfolio().id(), change,
                                                  MakeRequestKey(call, "UpdatePortfolio",
                                                                 request->request_id(), *request),
                                                  call.deadline));
    const absl::Status told = queue_.PutPortfolio(portfolio, QueueDeadline(call));
    NoteQueueStatus("put_portfolio", told);
    ToProto(portfolio, response);
    return InForce(told);
  });
}

grpc::Status Handler::ListPortfolios(grpc::ServerContext* context,
                                     const v1::ListPortfoliosRequest* request,
                                     v1::ListPortfoliosResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 50, 200));
    KABAR_ASSIGN_OR_RETURN(const std::string after,
                           LastOfPageToken("portfolios", request->page_token()));
    KABAR_ASSIGN_OR_RETURN(const std::vector<Portfolio> portfolios,
                           store_.ListPortfolios(call.outlet, after, limit, call.deadline));
    for (const Portfolio& portfolio : portfolios) ToProto(portfolio, response->add_portfolios());
    if (static_cast<int>(portfolios.size()) == limit) {
      response->set_next_page_token(MakePageToken("portfolios", portfolios.back().id));
    }
    return absl::OkStatus();
  });
}

grpc::Status Handler::CreateSender(grpc::ServerContext* context,
                                   const v1::CreateSenderRequest* request, v1::Sender* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(Sender wanted, FromProto(request->sender(), call.outlet));
    wanted.sealed_token = secrets_.Seal(request->sender().access_token());
    KABAR_ASSIGN_OR_RETURN(
        const Sender sender,
        store_.CreateSender(wanted,
                            MakeRequestKey(call, "CreateSender", request->request_id(), *request),
                            call.deadline));
    NoteQueueStatus("put_sender", queue_.PutSender(sender, QueueDeadline(call)));
    ToProto(sender, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::UpdateSender(grpc::ServerContext* context,
                                   const v1::UpdateSenderRequest* request, v1::Sender* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(SenderChange change, ChangeFromProto(*request));
    if (ChangesToken(*request)) {
      change.sealed_token = secrets_.Seal(request->sender().access_token());
    }
    KABAR_ASSIGN_OR_RETURN(
        const Sender sender,
        store_.UpdateSender(call.outlet, request->sender().id(), change,
                            MakeRequestKey(call, "UpdateSender", request->request_id(), *request),
                            call.deadline));
    const absl::Status told = queue_.PutSender(sender, QueueDeadline(call));
    NoteQueueStatus("put_sender", told);
    ToProto(sender, response);
    return InForce(told);
  });
}

grpc::Status Handler::GetSender(grpc::ServerContext* context, const v1::GetSenderRequest* request,
                                v1::Sender* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    KABAR_ASSIGN_OR_RETURN(const Sender sender,
                           store_.GetSender(call.outlet, request->id(), call.deadline));
    ToProto(sender, response);
    AddHealth({response}, QueueDeadline(call));
    return absl::OkStatus();
  });
}

// Best effort: Redis may be away.
void Handler::AddHealth(const std::vector<v1::Sender*>& senders, absl::Time deadline) {
  std::map<std::string, std::vector<v1::Sender*>> portfolios;
  for (v1::Sender* sender : senders) portfolios[sender->portfolio_id()].push_back(sender);
  for (const auto& [portfolio, its] : portfolios) {
    std::vector<std::string> ids;
    for (const v1::Sender* sender : its) ids.push_back(sender->id());
    const auto health = queue_.GetHealth(portfolio, ids, deadline);
    for (std::size_t i = 0; health.ok() && i < its.size() && i < health->size(); ++i) {
      ToProto((*health)[i], its[i]->mutable_health());
    }
  }
}

grpc::Status Handler::ListSenders(grpc::ServerContext* context,
                                  const v1::ListSendersRequest* request,
                                  v1::ListSendersResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 50, 200));
    KABAR_ASSIGN_OR_RETURN(const std::string after,
                           LastOfPageToken("senders", request->page_token()));
    KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders,
                           store_.ListSenders(call.outlet, after, limit, call.deadline));
    std::vector<v1::Sender*> told;
    for (const Sender& sender : senders) {
      told.push_back(response->add_senders());
      ToProto(sender, told.back());
    }
    AddHealth(told, QueueDeadline(call));
    if (static_cast<int>(senders.size()) == limit) {
      response->set_next_page_token(MakePageToken("senders", senders.back().id));
    }
    return absl::OkStatus();
  });
}

}  // namespace kabar::dispatcher
