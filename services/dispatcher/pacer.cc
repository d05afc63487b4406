#include "services/dispatcher/pacer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace kabar::dispatcher {
namespace {
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
// Actions that lie closer together than this run together, late rather than early: to sleep for
// each costs more than the action. Far below the J of any slot (redis_queue.h).
constexpr absl::Duration kShortestSleep = absl::Microseconds(500);
}  // namespace

Pacer::Pacer(base::Clock& clock)
    : clock_(clock), thread_([this](std::stop_token stop) { Run(stop); }) {}

Pacer::~Pacer() {
  thread_.request_stop();
  thread_.join();
  std::int64_t next = 0;
  while (true) {
    auto left = TakeDue(kNever, &next);
    if (left.empty()) return;
    for (auto& action : left) action();
  }
}

void Pacer::At(std::int64_t boottime_us, absl::AnyInvocable<void()> action) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = items_.empty() || boottime_us < items_.top().at;
    items_.push({boottime_us, order_++, std::move(action)});
  }
  if (first) wakeup_.Notify();
}

std::vector<absl::AnyInvocable<void()>> Pacer::TakeDue(std::int64_t now, std::int64_t* next) {
  std::vector<absl::AnyInvocable<void()>> due;
  std::lock_guard lock(mutex_);
  while (!items_.empty() && items_.top().at <= now) {
    due.push_back(std::move(items_.top().action));
    items_.pop();
  }
  *next = items_.empty() ? kNever : items_.top().at;
  return due;
}

void Pacer::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::int64_t next = kNever;
    for (auto& action : TakeDue(clock_.BoottimeMicros(), &next)) action();
    const absl::Duration wait = next == kNever ? absl::InfiniteDuration()
                                               : absl::Microseconds(next - clock_.BoottimeMicros());
    if (wait > absl::ZeroDuration()) {
      clock_.Wait(wakeup_, std::max(wait, kShortestSleep), stop);
    }
  }
}

}  // namespace kabar::dispatcher
