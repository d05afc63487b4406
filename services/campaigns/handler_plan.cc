#include <algorithm>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/campaigns/convert.h"
#include "services/campaigns/handler.h"

namespace kabar::campaigns {

grpc::Status Handler::PlanCampaign(grpc::ServerContext* context,
                                   const v1::PlanCampaignRequest* request,
                                   v1::PlanCampaignResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(Campaign campaign,
                               store_.Get(call.outlet, request->id(), call.deadline));
        if (campaign.ended()) {
          return base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
                             absl::StrCat("campaign ", campaign.id, " is ", Name(campaign.state),
                                          "; there is nothing to plan any more"));
        }
        KABAR_ASSIGN_OR_RETURN(campaign, AsPlanned(std::move(campaign), clock_.Now()));
        std::int64_t messages = 0;
        if (campaign.asked) {
          KABAR_ASSIGN_OR_RETURN(const Progress progress,
                                 store_.ReadProgress(campaign.run_id, call.deadline));
          messages = MessagesLeft(campaign, progress);
        } else {
          KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, peers_.GetTemplate(campaign, 0));
          KABAR_ASSIGN_OR_RETURN(messages, peers_.CountAudience(campaign, pinned));
        }
        KABAR_ASSIGN_OR_RETURN(const QuotaView plan, peers_.PlanQuota(campaign, messages));
        ToProto(campaign, messages, plan, response);
        return absl::OkStatus();
      });
}

}  // namespace kabar::campaigns
