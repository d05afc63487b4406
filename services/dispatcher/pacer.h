// Runs things at their time, on one thread: the slots of requests.
//
// Thread safety: At() from any thread; the actions run on the pacer's thread and must not block.
// The destructor runs what is left at once, on its own thread, and what that adds (each action
// decides by itself that it is too late).
#pragma once

#include <cstdint>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "libs/base/clock.h"

namespace kabar::dispatcher {

class Pacer {
 public:
  explicit Pacer(base::Clock& clock);
  ~Pacer();

  // `boottime_us` on base::Clock::BoottimeMicros().
  void At(std::int64_t boottime_us, absl::AnyInvocable<void()> action);

 private:
  struct Item {
    std::int64_t at = 0;
    std::uint64_t order = 0;  // equal times keep the order in which they came
    mutable absl::AnyInvocable<void()> action;
    bool operator<(const Item& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  void Run(std::stop_token stop);
  // The actions due at `now`; and when the next one is.
  std::vector<absl::AnyInvocable<void()>> TakeDue(std::int64_t now, std::int64_t* next);

  base::Clock& clock_;
  base::Wakeup wakeup_;
  std::mutex mutex_;
  std::priority_queue<Item> items_;
  std::uint64_t order_ = 0;
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
