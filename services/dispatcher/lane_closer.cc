#include "services/dispatcher/lane_closer.h"

#include "absl/time/time.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

}  // namespace

absl::StatusOr<bool> LaneCloser::EndLanes() {
  const absl::Time deadline = clock_.Now() + kTimeout;
  KABAR_ASSIGN_OR_RETURN(const LanePass expired, store_.ExpireLanes(deadline));
  Tell(expired);
  KABAR_ASSIGN_OR_RETURN(const LanePass drained, store_.DrainLanes(deadline));
  return expired.more || drained.more;
}

absl::StatusOr<bool> LaneCloser::CloseLanes() {
  KABAR_ASSIGN_OR_RETURN(const LanePass closed, store_.CloseLanes(clock_.Now() + kTimeout));
  Tell(closed);
  return closed.more;
}

void LaneCloser::Tell(const LanePass& pass) {
  for (const Lane& lane : pass.changed) {
    log::Info("a lane has ended", {{"lane_id", lane.id}, {"state", Name(lane.state)}});
    NoteQueueStatus("put_lane", queue_.PutLane(lane, clock_.Now() + absl::Seconds(2)));
  }
}

}  // namespace kabar::dispatcher
