// The time, and waiting for it, behind an interface so that tests run on a fake clock.
//
// Thread safety: a Clock may be used from any thread. A Wakeup belongs to one waiting thread; any
// thread may notify it.
// Blocks: Wait, SleepFor and SleepUntil, until the time has come, the wakeup was notified or a stop
// was requested, whichever is first; a stop request wakes them at once.
// Errors: none.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "absl/time/time.h"

namespace kabar::testing {
class FakeClock;
}

namespace kabar::base {

// Wakes a loop that sleeps "until then, or until there is work". A notification that finds nobody
// waiting is kept for the next wait, so none is ever lost; several of them count as one.
class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void Notify();

 private:
  friend class RealClock;
  friend class ::kabar::testing::FakeClock;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool notified_ = false;
};

enum class WaitResult { kElapsed, kNotified, kStopped };

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall clock. May jump; use it for what people and the ledger see.
  virtual absl::Time Now() const = 0;

  // CLOCK_BOOTTIME in microseconds: never jumps and runs on while the machine is suspended, so a
  // lease that is checked with it cannot be outlived by sleeping through it.
  virtual std::int64_t BoottimeMicros() const = 0;

  // Waits on `wakeup` for at most `duration` (InfiniteDuration: without limit). A stop counts
  // before a notification, a notification before elapsed time.
  virtual WaitResult Wait(Wakeup& wakeup, absl::Duration duration, std::stop_token stop) = 0;

  // True if slept fully, false if stopped.
  bool SleepFor(absl::Duration duration, std::stop_token stop);
  bool SleepUntil(absl::Time time, std::stop_token stop);
};

// The machine's clock. Lives as long as the process.
Clock& SystemClock();

}  // namespace kabar::base
