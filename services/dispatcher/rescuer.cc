#include "services/dispatcher/rescuer.h"

#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {
namespace {

constexpr int kClaimsAtOnce = 20;
constexpr int kUnknownAtOnce = 500;
constexpr absl::Duration kTimeout = absl::Seconds(20);

}  // namespace

absl::StatusOr<bool> Rescuer::RunOnce() {
  static metrics::Counter& rescued_total = metrics::GetCounter(
      "kabar_dispatcher_rescued_total", "Attempts whose lease ran out; UNKNOWN since.");
  const absl::Time deadline = clock_.Now() + kTimeout;
  KABAR_ASSIGN_OR_RETURN(const std::int64_t rescued, store_.RescueExpired(kClaimsAtOnce, deadline));
  if (rescued > 0) {
    rescued_total.Increment(static_cast<double>(rescued));
    log::Warn("leases ran out; the attempts are UNKNOWN", {{"attempts", rescued}});
  }
  KABAR_ASSIGN_OR_RETURN(const std::vector<Store::Requeued> requeued,
                         store_.SettleUnknown(unknown_window_, kUnknownAtOnce, deadline));
  if (!requeued.empty()) {
    NoteResends(requeued.size());
    log::Warn("UNKNOWN messages are QUEUED again: no status came, later ones did",
              {{"messages", requeued.size()}});
    PushRequeued(store_, queue_, requeued, deadline);
  }
  return rescued > 0 || static_cast<int>(requeued.size()) == kUnknownAtOnce;
}

}  // namespace kabar::dispatcher
