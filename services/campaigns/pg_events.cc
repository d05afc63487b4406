// The dispatcher's events: the progress of runs, and what else of them concerns a campaign.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/arrays.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"
#include "services/campaigns/pg_store.h"

namespace kabar::campaigns {
namespace {

constexpr pg::Query kAddProgress{
    "campaigns.add_progress",
    "INSERT INTO run_progress AS p (run_id, states, retried) VALUES ($1, $2::bigint[], $3) "
    "ON CONFLICT (run_id) DO UPDATE SET "
    "states = (SELECT array_agg(a + b ORDER BY i) FROM "
    "unnest(p.states, excluded.states) WITH ORDINALITY AS s(a, b, i)), "
    "retried = p.retried + excluded.retried"};
constexpr pg::Query kOwnRuns{"campaigns.own_runs",
                             "SELECT run_id FROM campaigns WHERE run_id = ANY($1::text[])"};
constexpr pg::Query kPauseByLane{
    "campaigns.pause_by_lane",
    "UPDATE campaigns SET state = 4, state_reason = $2, updated_at = $3 "
    "WHERE run_id = $1 AND state = 3"};
// The dispatcher sent FAILED messages back, and whoever asked for it died before he noted it here:
// the events know. A verb that is under way holds the row, and its word comes first.
constexpr pg::Query kFollowRetry{
    "campaigns.follow_retry",
    "UPDATE campaigns c SET retried = p.retried, updated_at = $2, "
    "state = CASE WHEN c.state = 5 THEN 3 ELSE c.state END, "
    "finished_at = CASE WHEN c.state = 5 THEN NULL ELSE c.finished_at END, "
    "due_at = CASE WHEN c.state = 5 THEN $2 ELSE c.due_at END "
    "FROM run_progress p WHERE c.run_id = $1 AND p.run_id = c.run_id AND c.retried < p.retried"};
// Progress may be what the runner waits for. A campaign that somebody works on is passed over: a
// verb holds its row while the dispatcher answers, and the events of all others must not wait for
// that; whoever saves it sets its next step.
constexpr pg::Query kWake{
    "campaigns.wake",
    "UPDATE campaigns SET due_at = $2 WHERE id IN (SELECT id FROM campaigns "
    "WHERE run_id = ANY($1::text[]) AND due_at > $2 AND (lease_until IS NULL OR lease_until < $2) "
    "FOR UPDATE SKIP LOCKED)"};

// What a stretch of events changes, run by run.
struct RunChange {
  std::array<std::int64_t, 10> states{};
  std::int64_t retried = 0;
  std::string paused_for;  // the lane was paused by the error table
};

void Add(const events::v1::Event& event, std::map<std::string, RunChange>& changes) {
  if (event.has_message_changed()) {
    const auto& m = event.message_changed();
    RunChange& change = changes[m.run_id()];
    if (m.from() > 0 && m.from() <= 10) --change.states[m.from() - 1];
    if (m.to() > 0 && m.to() <= 10) ++change.states[m.to() - 1];
    if (m.from() == events::v1::FAILED && m.to() == events::v1::QUEUED) ++change.retried;
  } else if (event.has_lane_changed()) {
    const auto& lane = event.lane_changed();
    RunChange& change = changes[lane.run_id()];
    // An operator's own pause bears no reason and is the campaign's already.
    change.paused_for = lane.to() == events::v1::PAUSED ? lane.reason() : "";
  }
}

absl::Status ApplyEvents(pg::Transaction& tx,
                         absl::Span<const events::v1::NumberedBatch* const> batches,
                         const std::function<void()>& woken) {
  std::map<std::string, RunChange> changes;
  for (const auto* batch : batches) {
    for (const auto& event : batch->batch().events()) Add(event, changes);
  }
  // Triggers' messages have runs too (their events' ids); those are not ours.
  std::vector<std::string> asked, runs;
  for (const auto& [run, change] : changes) asked.push_back(run);
  for (const pqxx::row& row : tx.Exec(kOwnRuns, pg::TextArray(asked))) {
    runs.push_back(pg::TextField(row[0]));
  }
  if (runs.empty()) return absl::OkStatus();
  const absl::Time now = absl::Now();
  std::sort(runs.begin(), runs.end());
  for (const std::string& run : runs) {
    const RunChange& change = changes[run];
    tx.Exec(kAddProgress, run, pg::BigintArray(change.states), change.retried);
    if (change.retried > 0) tx.Exec(kFollowRetry, run, now);
    if (!change.paused_for.empty()) tx.Exec(kPauseByLane, run, change.paused_for, now);
  }
  tx.Exec(kWake, pg::TextArray(runs), now);
  if (woken) woken();
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<events::Sink> PgStore::MakeSink(std::function<void()> woken) {
  return events::MakePgSink(
      pool_, "dispatcher",
      [woken = std::move(woken)](pg::Transaction& tx,
                                 absl::Span<const events::v1::NumberedBatch* const> batches) {
        return ApplyEvents(tx, batches, woken);
      });
}

}  // namespace kabar::campaigns
