// Wall-clock time of the simulator: microseconds since the epoch, the unit of the whole record.
//
// Wall clock and not a monotonic one, because arrival times come from the kernel's receive
// timestamps, which are wall clock, and because callers compare the record with their own ledger.
// Thread-safe, never blocks, no errors.
#pragma once

#include <time.h>

#include <cstdint>

namespace kabar::cloudsim {

inline constexpr int64_t kMicrosPerSecond = 1000000;
inline constexpr int64_t kMicrosPerMilli = 1000;

inline int64_t NowUs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * kMicrosPerSecond + now.tv_nsec / 1000;
}

}  // namespace kabar::cloudsim
