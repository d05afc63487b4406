#include "services/contacts/request_sweep.h"

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/contacts/store.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kEvery = absl::Hours(1);
constexpr absl::Duration kHonoured = absl::Hours(24);
constexpr absl::Duration kPulls = absl::Hours(30 * 24);
constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr int kAtOnce = 1000;  // a long delete would hold up the calls that reserve ids

void ForgetAll(const char* what, std::stop_token stop,
               const std::function<absl::StatusOr<int64_t>()>& forget) {
  absl::StatusOr<int64_t> forgotten = kAtOnce;
  while (!stop.stop_requested() && forgotten.ok() && *forgotten == kAtOnce) {
    forgotten = forget();
    if (!forgotten.ok()) break;
    metrics::GetCounter("kabar_contacts_forgotten_total", "Rows deleted for their age.",
                        {{"what", what}})
        .Increment(static_cast<double>(*forgotten));
  }
  if (!forgotten.ok()) {
    log::Warn("old rows could not be forgotten", {{"what", what}, {"error", forgotten.status()}});
  }
}

}  // namespace

RequestSweep::RequestSweep(Store& store, absl::Duration keep_audiences, base::Clock& clock)
    : store_(store),
      keep_audiences_(keep_audiences),
      clock_(clock),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

void RequestSweep::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void RequestSweep::Run(std::stop_token stop) {
  do {
    const absl::Time now = clock_.Now();
    // Deadlines are real time whatever the clock of the loop.
    ForgetAll("request_id", stop, [&] {
      return store_.ForgetRequests(now - kHonoured, kAtOnce, absl::Now() + kTimeout);
    });
    ForgetAll("import", stop, [&] {
      return store_.GiveUpImports(now - kHonoured, kAtOnce, absl::Now() + kTimeout);
    });
    ForgetAll("pull", stop,
              [&] { return store_.ForgetPulls(now - kPulls, kAtOnce, absl::Now() + kTimeout); });
    ForgetAll("audience_member", stop, [&] {
      return store_.ForgetAudiences(now - keep_audiences_, kAtOnce, absl::Now() + kTimeout);
    });
  } while (clock_.SleepFor(kEvery, stop));
}

}  // namespace kabar::contacts
