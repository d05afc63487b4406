#include "services/dispatcher/requeue.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::dispatcher {

void PushRequeued(AdminStore& store, Queue& queue, const std::vector<Store::Requeued>& requeued,
                  absl::Time deadline) {
  if (requeued.empty()) return;
  std::map<std::string, std::vector<QueueEntry>> entries;
  for (const Store::Requeued& one : requeued) entries[one.lane_id].push_back(one.entry);
  std::vector<std::string> ids;
  for (const auto& [id, of_lane] : entries) ids.push_back(id);
  const absl::StatusOr<std::vector<Lane>> lanes = store.GetLanes(ids, deadline);
  if (!lanes.ok()) return NoteQueueStatus("push", lanes.status());
  for (const Lane& lane : *lanes) {
    NoteQueueStatus("push", queue.Push(lane, entries[lane.id], deadline));
  }
}

void NoteResends(std::size_t messages) {
  static metrics::Counter& resends = metrics::GetCounter(
      "kabar_dispatcher_resends_total",
      "UNKNOWN attempts sent again, on evidence or by a person: where a double can come from.");
  resends.Increment(static_cast<double>(messages));
}

void NoteQueueStatus(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return;
  static log::Throttle throttle(absl::Seconds(10));
  metrics::GetCounter("kabar_dispatcher_queue_errors_total",
                      "What Redis could not be told; the sweeper makes it good.",
                      {{"what", std::string(what)}})
      .Increment();
  log::Warn(throttle, "the queue was not told", {{"what", what}, {"error", status}});
}

absl::Status InForce(const absl::Status& told) {
  if (told.ok() || base::GetReason(told) == "QUEUE_NOT_BUILT") return absl::OkStatus();
  return base::Error(
      absl::StatusCode::kUnavailable, "CHANGE_NOT_IN_FORCE",
      absl::StrCat(
          "the change is recorded, but Redis could not be told of it: until it is, messages "
          "may still start by what was before; repeat the call with the same request_id "
          "until it succeeds (",
          told.message(), ")"));
}

}  // namespace kabar::dispatcher
