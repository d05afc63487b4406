#include "services/contacts/request_sweep.h"

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/log/log.h"
#include "services/contacts/store.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kEvery = absl::Hours(1);
constexpr absl::Duration kHonoured = absl::Hours(24);
constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr int kAtOnce = 1000;  // a long delete would hold up the calls that reserve ids

}  // namespace

RequestSweep::RequestSweep(Store& store, base::Clock& clock)
    : store_(store), clock_(clock), thread_([this](std::stop_token stop) { Run(stop); }) {}

void RequestSweep::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void RequestSweep::Run(std::stop_token stop) {
  do {
    absl::StatusOr<int64_t> forgotten = kAtOnce;
    while (!stop.stop_requested() && forgotten.ok() && *forgotten == kAtOnce) {
      forgotten = store_.ForgetRequests(clock_.Now() - kHonoured, kAtOnce, absl::Now() + kTimeout);
    }
    if (!forgotten.ok()) {
      log::Warn("old request ids could not be forgotten", {{"error", forgotten.status()}});
    }
  } while (clock_.SleepFor(kEvery, stop));
}

}  // namespace kabar::contacts
