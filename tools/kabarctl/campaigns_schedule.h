// What recurs: the days of campaigns create --on, campaigns runs, and the holidays.
//
// Thread safety: one command at a time. Blocks: as the calls. Errors: USAGE for days that there are
// none of; those of the calls.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_SCHEDULE_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_SCHEDULE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "tools/kabarctl/command.h"

namespace kabar::kabarctl {

// "mon-fri", "sat,sun", "senin-jumat", "daily".
absl::StatusOr<std::vector<campaigns::v1::Weekday>> ParseWeekdays(absl::string_view text);
std::string WeekdaysText(const campaigns::v1::Campaign& campaign);

Command RunsCommand();
Commands HolidayCommands();

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_SCHEDULE_H_
