#include "services/triggers/step_loop.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/store.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);

void Count(const StepResult& result) {
  constexpr char kName[] = "kabar_triggers_steps_total";
  constexpr char kHelp[] = "Due steps worked on, by what came of it.";
  static metrics::Counter& handed_over =
      metrics::GetCounter(kName, kHelp, {{"outcome", "handed_over"}});
  static metrics::Counter& refused = metrics::GetCounter(kName, kHelp, {{"outcome", "refused"}});
  static metrics::Counter& retried = metrics::GetCounter(kName, kHelp, {{"outcome", "retried"}});
  static metrics::Counter& held = metrics::GetCounter(kName, kHelp, {{"outcome", "held"}});
  switch (result.kind) {
    case StepResult::Kind::kHeld:
      return held.Increment();
    case StepResult::Kind::kHandedOver:
      return handed_over.Increment();
    case StepResult::Kind::kRefused:
      return refused.Increment();
    case StepResult::Kind::kRetry:
      return retried.Increment();
  }
}

void ObserveDelay(const StepWork& step, const StepResult& result, absl::Time now) {
  static metrics::Histogram& delay = metrics::GetHistogram(
      "kabar_triggers_step_delay_seconds", "From a step's due time to the dispatcher's ledger.", {},
      metrics::LatencyBuckets());
  if (result.kind != StepResult::Kind::kHandedOver) return;
  delay.Observe(absl::ToDoubleSeconds(now - step.due_time));
}

}  // namespace

void StepLoop::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void StepLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<int> StepLoop::RunOnce() {
  const absl::Time taken_at = clock_.Now();
  KABAR_ASSIGN_OR_RETURN(
      const std::vector<StepWork> steps,
      store_.TakeDueSteps(taken_at, taken_at + options_.lease, base::NewId("lea"), options_.batch,
                          absl::Now() + kStoreTimeout));
  if (steps.empty()) return 0;
  const std::vector<StepResult> results = hand_over_.HandOverSteps(steps);
  const absl::Time now = clock_.Now();
  std::vector<StepChange> changes;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Count(results[i]);
    ObserveDelay(steps[i], results[i], now);
    changes.push_back(Conclude(steps[i], results[i], now));
  }
  KABAR_RETURN_IF_ERROR(store_.ChangeSteps(changes, now, absl::Now() + kStoreTimeout).status());
  return static_cast<int>(steps.size());
}

void StepLoop::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const absl::StatusOr<int> taken = RunOnce();
    if (!taken.ok()) {
      static log::Throttle throttle(absl::Seconds(5));
      log::Warn(throttle, "due steps not worked on", {{"error", taken.status()}});
    } else if (*taken == options_.batch) {
      continue;  // there may be more
    }
    clock_.Wait(wakeup_, options_.poll, stop);
  }
}

}  // namespace kabar::triggers
