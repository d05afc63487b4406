#include "services/triggers/stale_loop.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/peers.h"
#include "services/triggers/store.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);
constexpr int kMaxListed = 1000;  // as many as the dispatcher names at once

}  // namespace

void StaleLoop::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void StaleLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<int> StaleLoop::RunOnce(std::stop_token stop) {
  static metrics::Counter& rendered = metrics::GetCounter(
      "kabar_triggers_rendered_again_total", "Messages whose text had grown too old to be sent.");
  KABAR_ASSIGN_OR_RETURN(const std::vector<Lane> lanes,
                         store_.ListLanes(absl::Now() + kStoreTimeout));
  int all = 0;
  absl::Status first_failure;
  for (const Lane& lane : lanes) {
    if (stop.stop_requested()) break;
    const absl::StatusOr<int> again = RenderLane(lane, stop);
    if (again.ok()) {
      all += *again;
    } else if (first_failure.ok()) {
      first_failure = again.status();  // the other lanes' messages do not wait for this one
    }
  }
  rendered.Increment(all);
  if (!first_failure.ok()) return first_failure;
  return all;
}

absl::StatusOr<int> StaleLoop::RenderLane(const Lane& lane, std::stop_token stop) {
  int all = 0;
  std::set<std::string> seen;  // those of them that are held back are listed again
  while (!stop.stop_requested()) {
    const int limit = std::min(options_.batch + static_cast<int>(seen.size()),
                               std::max(kMaxListed, options_.batch));
    KABAR_ASSIGN_OR_RETURN(const std::vector<std::string> listed,
                           peers_.ListStale(lane.outlet_id, lane.sender_id, limit));
    std::vector<std::string> ids;
    for (const std::string& id : listed) {
      if (!seen.contains(id) && static_cast<int>(ids.size()) < options_.batch) ids.push_back(id);
    }
    if (ids.empty()) break;
    KABAR_ASSIGN_OR_RETURN(
        const std::vector<StepWork> steps,
        store_.StepsOfMessages(lane.outlet_id, ids, absl::Now() + kStoreTimeout));
    std::set<std::string> without(ids.begin(), ids.end());
    for (const StepWork& step : steps) without.erase(step.message_id);
    KABAR_ASSIGN_OR_RETURN(
        const HandOver::Again again,
        hand_over_.RenderAgain(lane, steps,
                               std::vector<std::string>(without.begin(), without.end())));
    all += again.rendered;
    // Without progress the same ones would be listed again at once.
    if (again.rendered + again.held == 0 || static_cast<int>(listed.size()) < limit) break;
    if (again.held > 0) seen.insert(ids.begin(), ids.end());
  }
  return all;
}

void StaleLoop::Run(std::stop_token stop) {
  while (clock_.SleepFor(options_.every, stop)) {
    const absl::StatusOr<int> again = RunOnce(stop);
    if (again.ok()) continue;
    static log::Throttle throttle(absl::Seconds(30));
    log::Warn(throttle, "old texts not rendered again", {{"error", again.status()}});
  }
}

}  // namespace kabar::triggers
