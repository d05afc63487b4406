// The low-water marks of lanes, and the closing of those that are finished.
#include <pqxx/result>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr int kMarksAtOnce = 200;
constexpr int kRequeuedAtOnce = 5000;

// Two statements, because the second must see everything that was committed before the first had
// the locks: an Enqueue that just ended is not overlooked. Days at which an Enqueue is working are
// left for the next pass.
constexpr pg::Query kLockMarks{
    "dispatcher.lock_marks",
    "SELECT d.lane_id, d.day, d.low_seq FROM lane_days d JOIN lanes l ON l.id = d.lane_id"
    " WHERE d.open AND l.state IN (1, 2) AND (d.lane_id, d.day) > ($1, $2::date)"
    " ORDER BY d.lane_id, d.day LIMIT $3::bigint FOR UPDATE OF d SKIP LOCKED"};
constexpr pg::Query kRaiseMarks{
    "dispatcher.raise_marks",
    "UPDATE lane_days d SET low_seq = COALESCE(x.first, x.last + 1, d.low_seq),"
    "  open = x.first IS NOT NULL"
    " FROM (SELECT i.lane_id, i.day, f.seq AS first, z.seq AS last"
    "   FROM unnest($1::text[], $2::date[], $3::bigint[]) AS i(lane_id, day, low)"
    "   LEFT JOIN LATERAL (SELECT m.seq FROM messages m WHERE m.day = i.day"
    "     AND m.lane_id = i.lane_id AND m.seq >= i.low AND m.state IN (1, 2)"
    "     ORDER BY m.seq LIMIT 1) f ON true"
    "   LEFT JOIN LATERAL (SELECT m.seq FROM messages m WHERE f.seq IS NULL AND m.day = i.day"
    "     AND m.lane_id = i.lane_id ORDER BY m.seq DESC LIMIT 1) z ON true"
    " ) x WHERE d.lane_id = x.lane_id AND d.day = x.day"
    "   AND (x.first IS NULL OR x.first > d.low_seq)"};

constexpr pg::Query kLockRequeued{
    "dispatcher.lock_requeued",
    "SELECT lane_id, day, message_id FROM requeued WHERE (lane_id, day, message_id) >"
    " ($1, $2::date, $3) ORDER BY lane_id, day, message_id LIMIT $4::bigint"
    " FOR UPDATE SKIP LOCKED"};
constexpr pg::Query kTidyRequeued{
    "dispatcher.tidy_requeued",
    "DELETE FROM requeued r"
    " USING unnest($1::text[], $2::date[], $3::text[]) AS i(lane_id, day, message_id)"
    " WHERE r.lane_id = i.lane_id AND r.day = i.day AND r.message_id = i.message_id"
    "  AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.day = i.day AND m.id = i.message_id"
    "   AND m.state IN (1, 2))"};

constexpr pg::Query kFinished{
    "dispatcher.finished_lanes",
    "SELECT l.id FROM lanes l WHERE l.state IN (1, 2) AND l.finished_expanding"
    " AND NOT EXISTS (SELECT 1 FROM lane_days d WHERE d.lane_id = l.id AND d.open)"
    " AND NOT EXISTS (SELECT 1 FROM requeued r WHERE r.lane_id = l.id)"
    " AND NOT EXISTS (SELECT 1 FROM unknowns u WHERE u.lane_id = l.id) ORDER BY l.id LIMIT 100"};
constexpr pg::Query kOpenInDays{
    "dispatcher.open_in_days",
    "SELECT 1 FROM lane_days d CROSS JOIN LATERAL (SELECT 1 FROM messages m WHERE m.day = d.day"
    "  AND m.lane_id = d.lane_id AND m.seq >= d.low_seq AND m.state IN (1, 2)"
    "  ORDER BY m.seq LIMIT 1) x WHERE d.lane_id = $1 LIMIT 1"};
constexpr pg::Query kOpenRequeued{
    "dispatcher.open_requeued",
    "SELECT 1 FROM requeued r JOIN messages m ON m.day = r.day AND m.id = r.message_id"
    " WHERE r.lane_id = $1 AND m.state IN (1, 2) LIMIT 1"};
constexpr pg::Query kOpenUnknown{"dispatcher.open_unknown",
                                 "SELECT 1 FROM unknowns WHERE lane_id = $1 LIMIT 1"};

// False when there are no more after the last one seen.
absl::StatusOr<bool> RaiseMarks(pg::Pool& pool, std::string& lane, std::string& day,
                                absl::Time deadline) {
  bool more = false;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool, "RaiseMarks", {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        const pqxx::result rows = tx.Exec(kLockMarks, lane, day, kMarksAtOnce);
        more = rows.size() == kMarksAtOnce;
        if (rows.empty()) return absl::OkStatus();
        pg::ArrayBuilder lanes, days, lows;
        for (const pqxx::row& row : rows) {
          lanes.Add(row[0].c_str());
          days.Add(row[1].c_str());
          lows.Add(row[2].as<std::int64_t>());
        }
        tx.Exec(kRaiseMarks, std::move(lanes).Finish(), std::move(days).Finish(),
                std::move(lows).Finish());
        lane = pg::TextField(rows.back()[0]);
        day = pg::TextField(rows.back()[1]);
        return absl::OkStatus();
      }));
  return more;
}

absl::StatusOr<bool> TidyRequeued(pg::Pool& pool, std::string& lane, std::string& day,
                                  std::string& message, absl::Time deadline) {
  bool more = false;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool, "TidyRequeued", {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        const pqxx::result rows = tx.Exec(kLockRequeued, lane, day, message, kRequeuedAtOnce);
        more = rows.size() == kRequeuedAtOnce;
        if (rows.empty()) return absl::OkStatus();
        pg::ArrayBuilder lanes, days, messages;
        for (const pqxx::row& row : rows) {
          lanes.Add(row[0].c_str());
          days.Add(row[1].c_str());
          messages.Add(row[2].c_str());
        }
        tx.Exec(kTidyRequeued, std::move(lanes).Finish(), std::move(days).Finish(),
                std::move(messages).Finish());
        lane = pg::TextField(rows.back()[0]);
        day = pg::TextField(rows.back()[1]);
        message = pg::TextField(rows.back()[2]);
        return absl::OkStatus();
      }));
  return more;
}

absl::StatusOr<std::optional<Lane>> CloseLane(pg::Pool& pool, const std::string& id,
                                              absl::Time deadline) {
  std::optional<Lane> closed;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool, "CloseLane", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        closed.reset();
        std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
        if (!lane || !lane->lane.finished_expanding || HasOpenWork(tx, id) ||
            (lane->lane.state != LaneState::kRunning && lane->lane.state != LaneState::kPaused)) {
          return absl::OkStatus();
        }
        closed = lane->lane;
        LedgerEvents events;
        SetLaneState(tx, *closed, LaneState::kClosed, "", events);
        return events.Append(tx);
      }));
  return closed;
}

}  // namespace

bool HasOpenWork(pg::Transaction& tx, const std::string& lane_id) {
  return tx.ExecMaybe(kOpenInDays, lane_id) || tx.ExecMaybe(kOpenRequeued, lane_id) ||
         tx.ExecMaybe(kOpenUnknown, lane_id);
}

absl::StatusOr<LanePass> PgStore::CloseLanes(absl::Time deadline) {
  LanePass pass;
  std::string lane, day = "-infinity", message;
  for (bool more = true; more;) {
    KABAR_ASSIGN_OR_RETURN(more, RaiseMarks(pool_, lane, day, deadline));
  }
  lane.clear();
  day = "-infinity";
  for (bool more = true; more;) {
    KABAR_ASSIGN_OR_RETURN(more, TidyRequeued(pool_, lane, day, message, deadline));
  }
  std::vector<std::string> finished;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListFinishedLanes",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       finished.clear();
                                       for (const pqxx::row& row : tx.Exec(kFinished)) {
                                         finished.push_back(pg::TextField(row[0]));
                                       }
                                       return absl::OkStatus();
                                     }));
  for (const std::string& id : finished) {
    KABAR_ASSIGN_OR_RETURN(std::optional<Lane> closed, CloseLane(pool_, id, deadline));
    if (closed) pass.changed.push_back(*std::move(closed));
  }
  pass.more = finished.size() == 100;
  return pass;
}

}  // namespace kabar::dispatcher
