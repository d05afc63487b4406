#include "services/triggers/stale_loop.h"

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
  const absl::Time now = clock_.Now();
  std::erase_if(resting_, [&](const auto& one) { return one.second <= now; });
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

// Page by page to the end: what is held back, or cannot be rendered, hides nothing behind it.
absl::StatusOr<int> StaleLoop::RenderLane(const Lane& lane, std::stop_token stop) {
  int all = 0;
  std::string page_token;
  do {
    KABAR_ASSIGN_OR_RETURN(
        const Peers::StalePage page,
        peers_.ListStale(lane.outlet_id, lane.sender_id, options_.page, page_token));
    page_token = page.next_page_token;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < page.ids.size(); ++i) {
      if (!resting_.contains(page.ids[i])) ids.push_back(page.ids[i]);
      const bool last = i + 1 == page.ids.size();
      if (ids.empty() || (static_cast<int>(ids.size()) < options_.batch && !last)) continue;
      if (stop.stop_requested()) return all;
      KABAR_ASSIGN_OR_RETURN(const int rendered, RenderBatch(lane, ids));
      if (rendered < 0) return all;  // a service is away: the rest would wait for it one by one
      all += rendered;
      ids.clear();
    }
  } while (!page_token.empty() && !stop.stop_requested());
  return all;
}

absl::StatusOr<int> StaleLoop::RenderBatch(const Lane& lane, const std::vector<std::string>& ids) {
  KABAR_ASSIGN_OR_RETURN(const std::vector<StepWork> steps,
                         store_.StepsOfMessages(lane.outlet_id, ids, absl::Now() + kStoreTimeout));
  std::set<std::string> without(ids.begin(), ids.end());
  for (const StepWork& step : steps) without.erase(step.message_id);
  KABAR_ASSIGN_OR_RETURN(
      const HandOver::Again again,
      hand_over_.RenderAgain(lane, steps,
                             std::vector<std::string>(without.begin(), without.end())));
  const absl::Time now = clock_.Now();
  for (const std::string& id : again.held) resting_[id] = now + options_.held_rest;
  for (const std::string& id : again.failed) resting_[id] = now + options_.failed_rest;
  return again.rendered == 0 && again.held.empty() ? -1 : again.rendered;
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
