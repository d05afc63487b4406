#include "services/triggers/sweep.h"

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/triggers/store.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kEvery = absl::Hours(1);
constexpr absl::Duration kRequestsHonoured = absl::Hours(24);
constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr int kAtOnce = 1000;  // a long delete would hold up those who write

void ForgetAll(absl::string_view what, std::stop_token stop,
               const std::function<absl::StatusOr<std::int64_t>()>& forget) {
  while (!stop.stop_requested()) {
    const absl::StatusOr<std::int64_t> forgotten = forget();
    if (!forgotten.ok()) {
      log::Warn("old rows could not be forgotten", {{"what", what}, {"error", forgotten.status()}});
      return;
    }
    metrics::GetCounter("kabar_triggers_forgotten_total", "Rows deleted for their age.",
                        {{"what", std::string(what)}})
        .Increment(static_cast<double>(*forgotten));
    if (*forgotten < kAtOnce) return;
  }
}

}  // namespace

Sweep::Sweep(Store& store, absl::Duration keep, base::Clock& clock)
    : store_(store),
      keep_(keep),
      clock_(clock),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

void Sweep::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Sweep::Run(std::stop_token stop) {
  do {
    const absl::Time now = clock_.Now();
    // Deadlines are real time whatever the clock of the loop.
    ForgetAll("request_id", stop, [&] {
      return store_.ForgetRequests(now - kRequestsHonoured, kAtOnce, absl::Now() + kTimeout);
    });
    ForgetAll("event", stop,
              [&] { return store_.ForgetEvents(now - keep_, kAtOnce, absl::Now() + kTimeout); });
    ForgetAll("answer", stop,
              [&] { return store_.ForgetAnswers(now - keep_, kAtOnce, absl::Now() + kTimeout); });
  } while (clock_.SleepFor(kEvery, stop));
}

}  // namespace kabar::triggers
