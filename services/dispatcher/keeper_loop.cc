#include "services/dispatcher/keeper_loop.h"

#include <utility>

#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::dispatcher {

KeeperLoop::KeeperLoop(std::string name, Wait wait, Round round)
    : name_(std::move(name)), wait_(std::move(wait)), round_(std::move(round)) {}

KeeperLoop::KeeperLoop(std::string name, absl::Duration interval, base::Clock& clock, Round round)
    : KeeperLoop(
          std::move(name),
          [interval, &clock](std::stop_token stop) { clock.SleepFor(interval, stop); },
          std::move(round)) {}

KeeperLoop::~KeeperLoop() { Stop(); }

void KeeperLoop::Start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    metrics::Counter& errors =
        metrics::GetCounter("kabar_dispatcher_keeper_errors_total",
                            "Rounds of the keeper's loops that failed.", {{"loop", name_}});
    log::Throttle throttle(absl::Seconds(10));
    while (!stop.stop_requested()) {
      const absl::StatusOr<bool> more = round_();
      if (!more.ok()) {
        errors.Increment();
        log::Warn(throttle, "a round of the keeper failed",
                  {{"loop", name_}, {"error", more.status()}});
      }
      if (!more.ok() || !*more) wait_(stop);
    }
  });
}

void KeeperLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace kabar::dispatcher
