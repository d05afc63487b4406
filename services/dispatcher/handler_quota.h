// Which lanes the plan of a messaging limit counts as campaigns'.
//
// Thread safety: a constant. Nothing blocks. Errors: none.
#pragma once

namespace kabar::dispatcher {

// Lanes from this priority on stop at the reserve. lua/prelude.lua has the same number, and a test
// (handler_quota_pgtest.cc) holds the two together.
inline constexpr int kFirstCampaignPriority = 10;

}  // namespace kabar::dispatcher
