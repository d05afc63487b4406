// Figures as the proto shows them.
//
// Thread safety: a pure function. Nothing blocks, no errors.
#ifndef KABAR_SERVICES_ANALYTICS_CONVERT_H_
#define KABAR_SERVICES_ANALYTICS_CONVERT_H_

#include <string>

#include "services/analytics/figures.h"

namespace kabar::analytics::v1 {
class CampaignStats;
}

namespace kabar::analytics {

void ToProto(const std::string& run_id, const LaneFigures& figures, v1::CampaignStats* stats);

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_CONVERT_H_
