// `campaigns watch` and `campaigns report`.
//
// Thread safety: one thread (watching starts a second one of its own). Blocks: until the run is
// over; every call in it has a deadline. Errors: the services'; CAMPAIGN_NOT_STARTED; a service
// that stays away for WatchPace::patience ends the watching, never the campaign.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_WATCH_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_WATCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/kabarctl/arguments.h"

namespace kabar::campaigns::v1 {
class Campaign;
}

namespace kabar::kabarctl {

class Session;

absl::StatusOr<campaigns::v1::Campaign> GetCampaign(Session& session, const std::string& id);

struct WatchPace {
  absl::Duration interval = absl::Milliseconds(500);  // of the figures
  absl::Duration poll = absl::Seconds(1);             // of the campaign's state
  absl::Duration again = absl::Milliseconds(250);     // before what failed or lags is asked again
  absl::Duration patience = absl::Seconds(60);        // with services that stay away
  absl::Duration settle = absl::Seconds(30);          // for analytics to count the last events
};

// The exit code.
absl::StatusOr<int> Watch(Session& session, const std::string& campaign_id, const WatchPace& pace);

absl::StatusOr<int> WatchCampaign(Session& session, const Arguments& arguments);
absl::StatusOr<int> ReportCampaign(Session& session, const Arguments& arguments);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_WATCH_H_
