#include "services/dispatcher/pg_failures.h"

#include "absl/time/clock.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_windows.h"

namespace kabar::dispatcher {

void ActOnFailure(pg::Transaction& tx, Lane& lane, std::int64_t recipient_id, OutcomeAction action,
                  const std::string& reason, absl::Time started, LedgerEvents& events) {
  const auto stop = [&](SenderState state, bool whole_portfolio) {
    StopSenders(tx, lane.sender_id, state, whole_portfolio, reason);
  };
  const auto suppress = [&](const std::string& purpose, absl::Time until) {
    Suppress(tx, lane.outlet_id, recipient_id, purpose, "provider", reason, until);
  };
  switch (action) {
    case OutcomeAction::kNone:
      return;
    case OutcomeAction::kPauseSender:
      return stop(SenderState::kPaused, false);
    case OutcomeAction::kStopSender:
      return stop(SenderState::kStopped, false);
    case OutcomeAction::kStopPortfolio:
      return stop(SenderState::kStopped, true);
    case OutcomeAction::kPauseLane:
      if (lane.state != LaneState::kRunning) return;
      return SetLaneState(tx, lane, LaneState::kPaused, reason, events);
    case OutcomeAction::kOptOut:
      return suppress("MARKETING", absl::InfiniteFuture());
    case OutcomeAction::kRest24h:
      return suppress(lane.purpose, absl::Now() + absl::Hours(24));
    case OutcomeAction::kCloseWindow:
      return CloseWindowFor(tx, lane.sender_id, recipient_id, started);
  }
}

}  // namespace kabar::dispatcher
