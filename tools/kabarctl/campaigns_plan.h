// kabarctl campaigns plan ID, and the warning before a start: what the messaging limit makes of a
// campaign, in plain words.
//
// Thread safety: one command at a time. Blocks: one call. Errors: those of the call.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_PLAN_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_PLAN_H_

#include <string>

#include "absl/status/statusor.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "tools/kabarctl/arguments.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

absl::StatusOr<int> PlanCampaign(Session& session, const Arguments& arguments);

// The plan in sentences, a line each.
std::string PlanText(const campaigns::v1::PlanCampaignResponse& plan);

// Says on standard error, before the campaign is started, what will not go at once; nothing if all
// fits, or if nobody can tell now.
void WarnOfPlan(Session& session, const std::string& campaign_id);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_PLAN_H_
