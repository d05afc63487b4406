#include "libs/testing/fake_clock.h"

#include <chrono>
#include <limits>

namespace kabar::testing {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Rounded up, so that a sleep never ends before its time.
std::int64_t MicrosUntil(absl::Duration duration) {
  if (duration >= absl::Hours(24 * 3650)) return kNever;
  return absl::ToInt64Microseconds(absl::Ceil(duration, absl::Microseconds(1)));
}

}  // namespace

// Lock order: mutex_, then a wakeup's.

FakeClock::FakeClock(absl::Time now) : now_(now) {}

absl::Time FakeClock::Now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

std::int64_t FakeClock::BoottimeMicros() const {
  std::lock_guard lock(mutex_);
  return boottime_micros_;
}

base::WaitResult FakeClock::Wait(base::Wakeup& wakeup, absl::Duration duration,
                                 std::stop_token stop) {
  std::int64_t micros = MicrosUntil(duration);
  Sleeper self{.wake_micros = kNever, .wakeup = &wakeup, .stop = stop, .elapsed = micros <= 0};
  {
    std::lock_guard lock(mutex_);
    if (micros != kNever) self.wake_micros = boottime_micros_ + micros;
    sleepers_.push_back(&self);
  }
  slept_.notify_all();
  {
    std::unique_lock lock(wakeup.mutex_);
    wakeup.changed_.wait(lock, stop, [&] { return wakeup.notified_ || self.elapsed; });
  }
  // Off the list before the flags are read for the last time: from here on Advance cannot reach us.
  std::scoped_lock lock(mutex_, wakeup.mutex_);
  sleepers_.remove(&self);
  if (stop.stop_requested()) return base::WaitResult::kStopped;
  if (!wakeup.notified_) return base::WaitResult::kElapsed;
  wakeup.notified_ = false;
  return base::WaitResult::kNotified;
}

void FakeClock::Advance(absl::Duration duration) {
  std::lock_guard lock(mutex_);
  now_ += duration;
  boottime_micros_ += absl::ToInt64Microseconds(duration);
  for (Sleeper* sleeper : sleepers_) {
    if (sleeper->wake_micros > boottime_micros_) continue;
    std::lock_guard wakeup_lock(sleeper->wakeup->mutex_);
    sleeper->elapsed = true;
    sleeper->wakeup->changed_.notify_all();
  }
}

void FakeClock::SetNow(absl::Time now) {
  std::lock_guard lock(mutex_);
  now_ = now;
}

int FakeClock::CountSleeping() {
  int count = 0;
  for (Sleeper* sleeper : sleepers_) {
    std::lock_guard wakeup_lock(sleeper->wakeup->mutex_);
    if (!sleeper->elapsed && !sleeper->wakeup->notified_ && !sleeper->stop.stop_requested()) {
      ++count;
    }
  }
  return count;
}

bool FakeClock::WaitForSleepers(int count, absl::Duration limit) {
  std::unique_lock lock(mutex_);
  return slept_.wait_for(lock, absl::ToChronoNanoseconds(limit),
                         [&] { return CountSleeping() >= count; });
}

}  // namespace kabar::testing
