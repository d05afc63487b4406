#include "libs/base/clock.h"

#include <time.h>

#include <chrono>
#include <utility>

#include "absl/time/clock.h"

namespace kabar::base {

void Wakeup::Notify() {
  // Notified under the lock, because the waiter may destroy the wakeup as soon as it sees the flag.
  std::lock_guard lock(mutex_);
  notified_ = true;
  changed_.notify_all();
}

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }

  std::int64_t BoottimeMicros() const override {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  }

  WaitResult Wait(Wakeup& wakeup, absl::Duration duration, std::stop_token stop) override {
    std::unique_lock lock(wakeup.mutex_);
    auto notified = [&wakeup] { return wakeup.notified_; };
    // Beyond this the sum with the steady clock could overflow; nobody waits ten years.
    if (duration >= absl::Hours(24 * 3650)) {
      wakeup.changed_.wait(lock, stop, notified);
    } else {
      // Rounded up, so that a sleep never ends before its time.
      absl::Duration whole = absl::Ceil(duration, absl::Nanoseconds(1));
      wakeup.changed_.wait_for(lock, stop, absl::ToChronoNanoseconds(whole), notified);
    }
    if (stop.stop_requested()) return WaitResult::kStopped;
    if (!wakeup.notified_) return WaitResult::kElapsed;
    wakeup.notified_ = false;
    return WaitResult::kNotified;
  }
};

bool Clock::SleepFor(absl::Duration duration, std::stop_token stop) {
  Wakeup nobody_notifies;
  return Wait(nobody_notifies, duration, std::move(stop)) != WaitResult::kStopped;
}

bool Clock::SleepUntil(absl::Time time, std::stop_token stop) {
  return SleepFor(time - Now(), std::move(stop));
}

Clock& SystemClock() {
  static RealClock* const clock = new RealClock;  // outlives every thread that may still sleep
  return *clock;
}

}  // namespace kabar::base
