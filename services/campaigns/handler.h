// gRPC kabar.campaigns.v1.CampaignsService: checks requests, calls domain, dispatcher and store,
// answers.
//
// Verbs hold the campaign's row while they talk to the dispatcher, so verbs and the runner take
// turns, and the answer is given only when the dispatcher's lane obeys: that is what Pause and
// Cancel promise.
//
// Thread safety: safe for concurrent use. Blocks: as store and peers, until the call's deadline.
// Errors: those of libs/rpc/guard.h, campaign.h, store.h and peers.h.
#ifndef KABAR_SERVICES_CAMPAIGNS_HANDLER_H_
#define KABAR_SERVICES_CAMPAIGNS_HANDLER_H_

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
struct Call;
}  // namespace kabar::rpc

namespace kabar::campaigns {

class RateCard;

class Handler : public v1::CampaignsService::Service {
 public:
  // All outlive the handler. `wake`: a campaign's next step may be due now. `rate_card`: none, and
  // preflights estimate no cost.
  Handler(Store& store, Peers& peers, std::function<void()> wake, base::Clock& clock,
          rpc::Guard& guard, const RateCard* rate_card = nullptr)
      : store_(store),
        peers_(peers),
        wake_(std::move(wake)),
        clock_(clock),
        guard_(guard),
        rate_card_(rate_card) {}

  grpc::Status CreateCampaign(grpc::ServerContext* context,
                              const v1::CreateCampaignRequest* request,
                              v1::Campaign* response) override;
  grpc::Status GetCampaign(grpc::ServerContext* context, const v1::GetCampaignRequest* request,
                           v1::Campaign* response) override;
  grpc::Status ListCampaigns(grpc::ServerContext* context, const v1::ListCampaignsRequest* request,
                             v1::ListCampaignsResponse* response) override;
  grpc::Status UpdateCampaign(grpc::ServerContext* context,
                              const v1::UpdateCampaignRequest* request,
                              v1::Campaign* response) override;
  // handler_plan.cc
  grpc::Status PlanCampaign(grpc::ServerContext* context, const v1::PlanCampaignRequest* request,
                            v1::PlanCampaignResponse* response) override;
  // handler_preflight.cc
  grpc::Status PreflightCampaign(
      grpc::ServerContext* context, const v1::PreflightCampaignRequest* request,
      grpc::ServerWriter<v1::PreflightCampaignResponse>* writer) override;
  // handler_test_send.cc
  grpc::Status TestSendCampaign(grpc::ServerContext* context,
                                const v1::TestSendCampaignRequest* request,
                                v1::TestSendCampaignResponse* response) override;
  grpc::Status SetTestNumbers(grpc::ServerContext* context,
                              const v1::SetTestNumbersRequest* request,
                              v1::TestNumbers* response) override;
  grpc::Status GetTestNumbers(grpc::ServerContext* context,
                              const v1::GetTestNumbersRequest* request,
                              v1::TestNumbers* response) override;
  // handler_schedules.cc
  grpc::Status ListRuns(grpc::ServerContext* context, const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override;
  grpc::Status PutHolidays(grpc::ServerContext* context, const v1::PutHolidaysRequest* request,
                           v1::PutHolidaysResponse* response) override;
  grpc::Status ListHolidays(grpc::ServerContext* context, const v1::ListHolidaysRequest* request,
                            v1::ListHolidaysResponse* response) override;
  grpc::Status ScheduleCampaign(grpc::ServerContext* context,
                                const v1::ScheduleCampaignRequest* request,
                                v1::Campaign* response) override;
  grpc::Status StartCampaign(grpc::ServerContext* context, const v1::StartCampaignRequest* request,
                             v1::Campaign* response) override;
  grpc::Status PauseCampaign(grpc::ServerContext* context, const v1::PauseCampaignRequest* request,
                             v1::Campaign* response) override;
  grpc::Status ResumeCampaign(grpc::ServerContext* context,
                              const v1::ResumeCampaignRequest* request,
                              v1::Campaign* response) override;
  grpc::Status CancelCampaign(grpc::ServerContext* context,
                              const v1::CancelCampaignRequest* request,
                              v1::Campaign* response) override;
  grpc::Status RetryFailed(grpc::ServerContext* context, const v1::RetryFailedRequest* request,
                           v1::RetryFailedResponse* response) override;

 private:
  // Runs `work` once per request id in one transaction of the caller's outlet.
  template <typename Request, typename Response>
  absl::Status Mutate(const rpc::Call& call, absl::string_view method, const Request& request,
                      Response* response, absl::FunctionRef<absl::Status(Store::Unit&)> work);
  // A verb: locks the campaign, `change`s it, saves it with its next step due now, answers it. What
  // `change` did besides, it adds to the row of the audit log.
  template <typename Request>
  grpc::Status Verb(
      grpc::ServerContext* context, const char* method, const Request* request,
      v1::Campaign* response,
      absl::FunctionRef<absl::Status(Store::Unit&, Campaign&, absl::Time, audit::Entry&)> change);

  // Goes through the audience of a campaign as it would run.
  absl::Status Foresee(const rpc::Call& call, const v1::PreflightCampaignRequest& request,
                       Campaign planned, grpc::ServerWriter<v1::PreflightCampaignResponse>* writer);
  absl::Status ChangeRate(const Campaign& campaign);
  // Before a resume: what is known against its provider templates is accepted, or refused. True:
  // what waits in its lane must be rendered anew for it.
  absl::StatusOr<bool> SettleTroubles(Campaign& campaign, bool accept, audit::Entry& entry);

  Store& store_;
  Peers& peers_;
  std::function<void()> wake_;
  base::Clock& clock_;
  rpc::Guard& guard_;
  const RateCard* const rate_card_;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_HANDLER_H_
