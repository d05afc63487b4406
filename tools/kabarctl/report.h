// The figures of a run as a person reads them, and whether they add up.
//
// Thread safety: pure functions. Nothing blocks. Errors: INTERNAL FIGURES_DO_NOT_ADD_UP naming the
// sum.
#ifndef KABAR_TOOLS_KABARCTL_REPORT_H_
#define KABAR_TOOLS_KABARCTL_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace kabar::analytics::v1 {
class CampaignStats;
}
namespace kabar::campaigns::v1 {
class Campaign;
}

namespace kabar::kabarctl {

// "[####....] 400/1000  sent 380  delivered ...  45/min  ETA 13m20s"
std::string ProgressText(const analytics::v1::CampaignStats& stats);

std::string ReportText(const campaigns::v1::Campaign& campaign,
                       const analytics::v1::CampaignStats& stats,
                       absl::TimeZone zone = absl::LocalTimeZone());

// The present states and what was not expanded make up `asked`; failures by reason make up
// `failed`; what is DELIVERED or READ now has reached it.
absl::Status CheckSums(const analytics::v1::CampaignStats& stats);

// Analytics has counted the last events of a campaign that has ended.
bool IsSettled(const campaigns::v1::Campaign& campaign, const analytics::v1::CampaignStats& stats);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_REPORT_H_
