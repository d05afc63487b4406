// Whether what campaigns, analytics and the dispatcher say of one run adds up, at one event number:
// the figures that analytics counted up to it, and what the events after it change, must be what
// the ledger holds. So it is right while the campaign runs.
//
// Thread safety: pure functions. Nothing blocks. Errors: none; what does not add up is a fault.
#ifndef KABAR_TOOLS_KABARCTL_RECOUNT_H_
#define KABAR_TOOLS_KABARCTL_RECOUNT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kabar::analytics::v1 {
class CampaignStats;
}
namespace kabar::campaigns::v1 {
class Campaign;
}
namespace kabar::dispatcher::v1 {
class RecountLaneResponse;
}

namespace kabar::kabarctl {

// Two numbers that must be equal (or, where the detail says so, in order) and are not.
struct Fault {
  std::string check;
  std::int64_t expected = 0;
  std::int64_t found = 0;
  std::string detail;  // a sentence with both numbers
};

struct Findings {
  std::vector<Fault> faults;
  std::vector<std::string> notes;  // what an operator may want to know and is no fault
};

// The dispatcher's event number up to which these figures count.
std::int64_t EventNumber(const analytics::v1::CampaignStats& stats);

// `campaign` was read first, then `stats`, then `recount` after EventNumber(stats). Figures without
// a lane state: analytics had not heard of the run, all of them are 0.
Findings Compare(const campaigns::v1::Campaign& campaign, const analytics::v1::CampaignStats& stats,
                 const dispatcher::v1::RecountLaneResponse& recount);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_RECOUNT_H_
