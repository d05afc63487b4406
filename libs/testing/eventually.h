// Waits in real time for a condition that another process or thread brings about.
//
// Thread safety: the condition's. Blocks: until the condition holds, at most `limit`. Errors:
// false when it never held.
//
//   REQUIRE(Eventually([&] { return ReachedSent(run) == 2000; }));
//
// Use it only where nothing can be waited on (another process's state); inside one process wait
// for the event, or use FakeClock.
#pragma once

#include <functional>

#include "absl/time/time.h"

namespace kabar::testing {

bool Eventually(const std::function<bool()>& condition, absl::Duration limit = absl::Seconds(20),
                absl::Duration poll = absl::Milliseconds(10));

}  // namespace kabar::testing
