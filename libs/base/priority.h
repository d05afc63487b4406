// Which lanes go first: smaller priorities do. Any number may be given; these two have a meaning.
// The one place where they stand: services, the planner of the messaging limit and the scripts of
// the queue all have them from here (the contract, dispatcher.proto, names them for others).
//
// Thread safety: constants. Nothing blocks. Errors: none.
#pragma once

#include <cstdint>

namespace kabar::base {

inline constexpr std::int32_t kTriggerPriority = 0;
// From here on lanes leave the portfolio's reserve to those before them.
inline constexpr std::int32_t kCampaignPriority = 10;

}  // namespace kabar::base
