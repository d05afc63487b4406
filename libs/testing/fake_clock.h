// A clock that stands still until the test moves it.
//
// Thread safety: any thread. Blocks: the sleeps, until Advance passes their end, their wakeup is
// notified or a stop is requested; WaitForSleepers up to its real-time limit. Errors: none.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <stop_token>

#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace kabar::testing {

class FakeClock : public base::Clock {
 public:
  // A Saturday morning, 2026-11-21 08:00 in Jakarta, unless told otherwise.
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1795222800));

  absl::Time Now() const override;
  std::int64_t BoottimeMicros() const override;
  base::WaitResult Wait(base::Wakeup& wakeup, absl::Duration duration,
                        std::stop_token stop) override;

  // Moves both clocks and wakes everyone whose time has come.
  void Advance(absl::Duration duration);

  // Sets the wall clock alone, as an administrator or NTP would; sleepers do not notice.
  void SetNow(absl::Time now);

  // True once at least `count` threads sleep with nothing yet to wake them; false after `limit` of
  // real time. Call it before Advance, so that nobody begins to sleep after the time has moved.
  bool WaitForSleepers(int count, absl::Duration limit = absl::Seconds(10));

 private:
  struct Sleeper {
    std::int64_t wake_micros;
    base::Wakeup* wakeup;
    std::stop_token stop;
    bool elapsed;  // under wakeup->mutex_
  };

  int CountSleeping();

  mutable std::mutex mutex_;
  std::condition_variable_any slept_;
  absl::Time now_;
  std::int64_t boottime_micros_ = 1'000'000'000;
  std::list<Sleeper*> sleepers_;
};

}  // namespace kabar::testing
