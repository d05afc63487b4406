// gRPC kabar.dispatcher.v1.DispatcherService and kabar.events.v1.EventsService: checks requests,
// calls the ledger, tells the queue, answers.
//
// Redis decides nothing here: what it could not be told is logged and counted, and the keeper makes
// it good; the call succeeds.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline. Errors:
// those of libs/rpc/guard.h, of admin_store.h, and INVALID_ARGUMENT with field violations.
#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "services/dispatcher/accounts.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/secret.h"
#include "services/dispatcher/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::events {
class Reader;
}
namespace kabar::rpc {
class Guard;
struct Call;
}  // namespace kabar::rpc

namespace kabar::dispatcher {

class Handler : public v1::DispatcherService::Service {
 public:
  // All outlive the handler.
  Handler(AdminStore& store, Store& ledger, Queue& queue, const SecretBox& secrets,
          const Accounts& accounts, base::Clock& clock, rpc::Guard& guard)
      : store_(store),
        ledger_(ledger),
        queue_(queue),
        secrets_(secrets),
        accounts_(accounts),
        clock_(clock),
        guard_(guard) {}

  // handler_senders.cc
  grpc::Status CreatePortfolio(grpc::ServerContext* context,
                               const v1::CreatePortfolioRequest* request,
                               v1::Portfolio* response) override;
  grpc::Status UpdatePortfolio(grpc::ServerContext* context,
                               const v1::UpdatePortfolioRequest* request,
                               v1::Portfolio* response) override;
  grpc::Status ListPortfolios(grpc::ServerContext* context,
                              const v1::ListPortfoliosRequest* request,
                              v1::ListPortfoliosResponse* response) override;
  grpc::Status CreateSender(grpc::ServerContext* context, const v1::CreateSenderRequest* request,
                            v1::Sender* response) override;
  grpc::Status UpdateSender(grpc::ServerContext* context, const v1::UpdateSenderRequest* request,
                            v1::Sender* response) override;
  grpc::Status GetSender(grpc::ServerContext* context, const v1::GetSenderRequest* request,
                         v1::Sender* response) override;
  grpc::Status ListSenders(grpc::ServerContext* context, const v1::ListSendersRequest* request,
                           v1::ListSendersResponse* response) override;

  // handler_lanes.cc
  grpc::Status CreateLane(grpc::ServerContext* context, const v1::CreateLaneRequest* request,
                          v1::Lane* response) override;
  grpc::Status GetLane(grpc::ServerContext* context, const v1::GetLaneRequest* request,
                       v1::Lane* response) override;
  grpc::Status ListLanes(grpc::ServerContext* context, const v1::ListLanesRequest* request,
                         v1::ListLanesResponse* response) override;
  grpc::Status PauseLane(grpc::ServerContext* context, const v1::PauseLaneRequest* request,
                         v1::Lane* response) override;
  grpc::Status ResumeLane(grpc::ServerContext* context, const v1::ResumeLaneRequest* request,
                          v1::Lane* response) override;
  grpc::Status CancelLane(grpc::ServerContext* context, const v1::CancelLaneRequest* request,
                          v1::Lane* response) override;
  grpc::Status SetLaneRate(grpc::ServerContext* context, const v1::SetLaneRateRequest* request,
                           v1::Lane* response) override;
  grpc::Status FinishLane(grpc::ServerContext* context, const v1::FinishLaneRequest* request,
                          v1::Lane* response) override;
  grpc::Status RetryFailed(grpc::ServerContext* context, const v1::RetryFailedRequest* request,
                           v1::RetryFailedResponse* response) override;
  grpc::Status ResolveUnknown(grpc::ServerContext* context,
                              const v1::ResolveUnknownRequest* request,
                              v1::ResolveUnknownResponse* response) override;
  grpc::Status RecountLane(grpc::ServerContext* context, const v1::RecountLaneRequest* request,
                           v1::RecountLaneResponse* response) override;

  // handler_quota.cc
  grpc::Status PlanQuota(grpc::ServerContext* context, const v1::PlanQuotaRequest* request,
                         v1::PlanQuotaResponse* response) override;

  // handler_sending.cc
  grpc::Status PauseSending(grpc::ServerContext* context, const v1::PauseSendingRequest* request,
                            v1::Sending* response) override;
  grpc::Status ResumeSending(grpc::ServerContext* context, const v1::ResumeSendingRequest* request,
                             v1::Sending* response) override;
  grpc::Status GetSending(grpc::ServerContext* context, const v1::GetSendingRequest* request,
                          v1::Sending* response) override;

  // handler_dead_letters.cc
  grpc::Status ListDeadLetters(grpc::ServerContext* context,
                               const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override;
  grpc::Status GetDeadLetter(grpc::ServerContext* context, const v1::GetDeadLetterRequest* request,
                             v1::DeadLetter* response) override;
  grpc::Status RetryDeadLetter(grpc::ServerContext* context,
                               const v1::RetryDeadLetterRequest* request,
                               v1::DeadLetter* response) override;
  grpc::Status DropDeadLetter(grpc::ServerContext* context,
                              const v1::DropDeadLetterRequest* request,
                              v1::DeadLetter* response) override;

  // handler_accounts.cc
  grpc::Status ListAccounts(grpc::ServerContext* context, const v1::ListAccountsRequest* request,
                            v1::ListAccountsResponse* response) override;
  grpc::Status ListTemplateNews(grpc::ServerContext* context,
                                const v1::ListTemplateNewsRequest* request,
                                v1::ListTemplateNewsResponse* response) override;
  grpc::Status ListAccountTemplates(grpc::ServerContext* context,
                                    const v1::ListAccountTemplatesRequest* request,
                                    v1::ListAccountTemplatesResponse* response) override;
  grpc::Status SubmitAccountTemplate(grpc::ServerContext* context,
                                     const v1::SubmitAccountTemplateRequest* request,
                                     v1::SubmitAccountTemplateResponse* response) override;

  // handler_media.cc
  grpc::Status UploadMedia(grpc::ServerContext* context,
                           grpc::ServerReader<v1::UploadMediaRequest>* reader,
                           v1::Medium* response) override;
  grpc::Status ListMedia(grpc::ServerContext* context, const v1::ListMediaRequest* request,
                         v1::ListMediaResponse* response) override;
  grpc::Status DeleteMedia(grpc::ServerContext* context, const v1::DeleteMediaRequest* request,
                           v1::DeleteMediaResponse* response) override;

  // handler.cc
  grpc::Status Enqueue(grpc::ServerContext* context, const v1::EnqueueRequest* request,
                       v1::EnqueueResponse* response) override;
  // handler_foresee.cc
  grpc::Status ForeseeMessages(grpc::ServerContext* context,
                               const v1::ForeseeMessagesRequest* request,
                               v1::ForeseeMessagesResponse* response) override;
  grpc::Status ListStaleMessages(grpc::ServerContext* context,
                                 const v1::ListStaleMessagesRequest* request,
                                 v1::ListStaleMessagesResponse* response) override;
  grpc::Status GetMessage(grpc::ServerContext* context, const v1::GetMessageRequest* request,
                          v1::Message* response) override;
  grpc::Status ListMessages(grpc::ServerContext* context, const v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) override;
  // handler_export.cc
  grpc::Status ExportMessages(grpc::ServerContext* context,
                              const v1::ExportMessagesRequest* request,
                              grpc::ServerWriter<v1::ExportMessagesResponse>* writer) override;
  grpc::Status AppendWebhooks(grpc::ServerContext* context,
                              const v1::AppendWebhooksRequest* request,
                              v1::AppendWebhooksResponse* response) override;

 private:
  // Redis gets what is left of the call's time, but not much: the caller waits.
  absl::Time QueueDeadline(const rpc::Call& call) const;
  // The opened token of one of the outlet's numbers of the account.
  absl::StatusOr<std::string> TokenOf(const rpc::Call& call, const std::string& account_id);
  void AddHealth(const std::vector<v1::Sender*>& senders, absl::Time deadline);
  // Answers the lane that a verb returned and tells the queue its state.
  absl::Status AnswerLane(const rpc::Call& call, const absl::StatusOr<Lane>& lane,
                          v1::Lane* response);

  // For verbs that a person may use on lanes of automatic messages only: LANE_OF_CAMPAIGN.
  absl::Status CheckNoCampaign(const rpc::Call& call, const std::string& lane_id);

  // The plan within the number's own portfolio.
  absl::Status PlanIn(const rpc::Call& call, const Portfolio& portfolio,
                      const std::vector<Sender>& senders, const QuotaClaim& ours,
                      v1::PlanQuotaResponse* response);
  absl::StatusOr<std::vector<Portfolio>> AllPortfolios(const rpc::Call& call);
  std::optional<Sender> FindUsable(const rpc::Call& call, const std::string& portfolio_id,
                                   const std::vector<Sender>& senders);
  absl::Status FindOtherNumbers(const rpc::Call& call, const std::vector<Portfolio>& portfolios,
                                const std::vector<Sender>& senders, const std::string& own,
                                v1::PlanQuotaResponse* response);

  // Tells the queue of a pause or of its end.
  void TellSending(const rpc::Call& call, const SendingTarget& target, bool resumed);

  AdminStore& store_;
  Store& ledger_;
  Queue& queue_;
  const SecretBox& secrets_;
  const Accounts& accounts_;
  base::Clock& clock_;
  rpc::Guard& guard_;
  std::atomic<int> uploads_{0};  // of media, at work
};

class EventsHandler : public events::v1::EventsService::Service {
 public:
  EventsHandler(events::Reader& reader, rpc::Guard& guard) : reader_(reader), guard_(guard) {}

  grpc::Status ReadEvents(grpc::ServerContext* context,
                          const events::v1::ReadEventsRequest* request,
                          grpc::ServerWriter<events::v1::ReadEventsResponse>* writer) override;

 private:
  events::Reader& reader_;
  rpc::Guard& guard_;
};

// Services act for an outlet here: a call without one is refused.
absl::Status NeedOutlet(const rpc::Call& call);

// Of a mutating request.
RequestKey MakeRequestKey(const rpc::Call& call, absl::string_view method,
                          const std::string& request_id, const google::protobuf::Message& request);
absl::Status CheckRequestId(const std::string& request_id);
// Of an operator's action: at most 256 bytes of text.
absl::Status CheckReason(const std::string& reason, bool required);

}  // namespace kabar::dispatcher
