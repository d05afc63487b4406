// How far ahead a worker asks for slots: so long as the way from a claim to its messages' being
// ready to start takes now, most of the time. A ledger that slows down would else let slots pass
// unused; a longer one would keep messages waiting whose number has time to spare. (Where the
// limits were free for a while, a message starts before its slot: claim.lua.)
//
// Thread safety: safe for concurrent use. Never blocks. Errors: none.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"

namespace kabar::dispatcher {

class ClaimLead {
 public:
  static constexpr absl::Duration kShortest = absl::Milliseconds(3);
  static constexpr absl::Duration kLongest = absl::Milliseconds(250);
  static constexpr absl::Duration kFirst = absl::Milliseconds(25);

  // A claim's messages were ready this long after it.
  void Took(absl::Duration duration);
  // A quarter more than the 97th percentile of the last claims, within the bounds.
  absl::Duration Get() const { return absl::Microseconds(lead_us_.load()); }

 private:
  std::mutex mutex_;
  std::array<std::int64_t, 64> last_us_ = {};
  std::size_t count_ = 0;
  std::atomic<std::int64_t> lead_us_ = absl::ToInt64Microseconds(kFirst);
};

}  // namespace kabar::dispatcher
