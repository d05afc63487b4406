// proto <-> domain.
//
// Thread safety: pure functions. Nothing blocks. Errors: ApplyMask: INVALID_ARGUMENT for a path
// that does not exist or is output only.
#ifndef KABAR_SERVICES_CAMPAIGNS_CONVERT_H_
#define KABAR_SERVICES_CAMPAIGNS_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/campaigns/campaign.h"
#include "services/campaigns/peers.h"

namespace kabar::campaigns::v1 {
class Campaign;
class PlanCampaignResponse;
}  // namespace kabar::campaigns::v1

namespace kabar::campaigns {

void ToProto(const Campaign& campaign, v1::Campaign* proto);
void ToProto(const Campaign& campaign, std::int64_t messages, const QuotaView& plan,
             v1::PlanCampaignResponse* proto);
// The fields that callers set.
Campaign FromProto(const v1::Campaign& proto);
// Copies the named fields of `proto`; no paths: all that callers set.
absl::Status ApplyMask(const v1::Campaign& proto, const std::vector<std::string>& paths,
                       Campaign* campaign);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_CONVERT_H_
