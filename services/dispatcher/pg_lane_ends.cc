// How lanes end, and how failed messages come back: the changes that touch many messages at once.
#include <pqxx/result>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr int kChunk = 10'000;
constexpr std::int64_t kMaxInOneTransaction = 100'000;

#define KABAR_CHANGED_COLUMNS \
  "m.id, m.contact_id, m.subject, m.ordinal, m.attempt, m.revision, m.reason, m.reached, m.seq"
constexpr int kReasonKept = 6;   // column of a change that leaves the reason as it was
constexpr int kReasonTaken = 9;  // column of the old reason, where the change takes it away

constexpr pg::Query kLaneDays{
    "dispatcher.lane_days",
    "SELECT day, low_seq FROM lane_days WHERE lane_id = $1 AND (open OR $2::boolean) ORDER BY day"};
constexpr pg::Query kEndQueued{
    "dispatcher.end_queued",
    "WITH hit AS MATERIALIZED (SELECT m.id FROM messages m"
    "  WHERE m.day = $1::date AND m.lane_id = $2 AND m.seq >= $3::bigint AND m.state = 1"
    "  ORDER BY m.seq LIMIT $4::bigint)"
    " UPDATE messages m SET state = $5::smallint, not_before = NULL, revision = m.revision + 1,"
    "   updated_at = now() FROM hit WHERE m.day = $1::date AND m.id = hit.id"
    " RETURNING " KABAR_CHANGED_COLUMNS};
constexpr pg::Query kEndRequeued{
    "dispatcher.end_requeued",
    "WITH hit AS MATERIALIZED (SELECT m.day, m.id FROM requeued r"
    "  JOIN messages m ON m.day = r.day AND m.id = r.message_id"
    "  WHERE r.lane_id = $1 AND m.state = 1 LIMIT $2::bigint)"
    " UPDATE messages m SET state = $3::smallint, not_before = NULL, revision = m.revision + 1,"
    "   updated_at = now() FROM hit WHERE m.day = hit.day AND m.id = hit.id"
    " RETURNING " KABAR_CHANGED_COLUMNS};
constexpr pg::Query kDeleteRequeued{"dispatcher.delete_requeued",
                                    "DELETE FROM requeued WHERE lane_id = $1"};
constexpr pg::Query kDeleteUnknowns{"dispatcher.delete_unknowns",
                                    "DELETE FROM unknowns WHERE lane_id = $1"};
constexpr pg::Query kSetDrained{"dispatcher.set_drained",
                                "UPDATE lanes SET drained = true WHERE id = $1"};
constexpr pg::Query kPastEnd{
    "dispatcher.lanes_past_end",
    "SELECT id FROM lanes WHERE state IN (1, 2) AND end_time <= clock_timestamp() ORDER BY id"
    " LIMIT 100"};
constexpr pg::Query kUndrained{
    "dispatcher.undrained_lanes",
    "SELECT id FROM lanes WHERE state IN (3, 4) AND NOT drained ORDER BY id LIMIT 100"};
constexpr pg::Query kRetryFailed{
    "dispatcher.retry_failed",
    "WITH hit AS MATERIALIZED (SELECT m.id, m.reason FROM messages m"
    "  WHERE m.day = $1::date AND m.lane_id = $2 AND m.seq > $3::bigint AND m.state = 6"
    "  ORDER BY m.seq LIMIT $4::bigint"
    "), changed AS ("
    "  UPDATE messages m SET state = 1, reason = '', rendered_at = NULL, failures = 0, resends = 0,"
    "    not_before = NULL, revision = m.revision + 1, updated_at = now()"
    "  FROM hit WHERE m.day = $1::date AND m.id = hit.id RETURNING " KABAR_CHANGED_COLUMNS
    ", hit.reason AS reason_before"
    "), noted AS ("
    "  INSERT INTO requeued (lane_id, day, message_id) SELECT $2, $1::date, c.id FROM changed c"
    "  ON CONFLICT (lane_id, day, message_id) DO UPDATE SET message_id = excluded.message_id"
    ") SELECT * FROM changed ORDER BY seq"};

// `reason_before` is the column that holds it.
void AddEvents(const Lane& lane, const pqxx::result& rows, MessageState from, MessageState to,
               int reason_before, LedgerEvents& events) {
  for (const pqxx::row& row : rows) {
    events.Message(lane, {.message_id = row[0].c_str(),
                          .contact_id = row[1].c_str(),
                          .subject = row[2].c_str(),
                          .ordinal = row[3].as<std::int64_t>(),
                          .attempt = row[4].as<std::int32_t>(),
                          .revision = row[5].as<std::int64_t>(),
                          .from = from,
                          .to = to,
                          .reason = row[6].c_str(),
                          .reason_before = row[reason_before].c_str(),
                          .reached_before = static_cast<MessageState>(row[7].as<int>())});
  }
}

// What is QUEUED in a lane (locked FOR UPDATE) takes the lane's final state. True if all of it did.
bool EndQueued(pg::Transaction& tx, const Lane& lane, LedgerEvents& events) {
  const MessageState to = QueuedIn(lane.state, /*past_end_time=*/false);
  std::int64_t left = kMaxInOneTransaction;
  for (const pqxx::row& day : tx.Exec(kLaneDays, lane.id, false)) {
    for (bool more = true; more;) {
      if (left <= 0) return false;
      const pqxx::result rows = tx.Exec(kEndQueued, pg::TextField(day[0]), lane.id,
                                        day[1].as<std::int64_t>(), kChunk, static_cast<int>(to));
      AddEvents(lane, rows, MessageState::kQueued, to, kReasonKept, events);
      left -= static_cast<std::int64_t>(rows.size());
      more = rows.size() == kChunk;
    }
  }
  for (bool more = true; more;) {
    if (left <= 0) return false;
    const pqxx::result rows = tx.Exec(kEndRequeued, lane.id, kChunk, static_cast<int>(to));
    AddEvents(lane, rows, MessageState::kQueued, to, kReasonKept, events);
    left -= static_cast<std::int64_t>(rows.size());
    more = rows.size() == kChunk;
  }
  // What is UNKNOWN stays so: to say CANCELLED would say that it was not sent.
  tx.Exec(kDeleteRequeued, lane.id);
  tx.Exec(kDeleteUnknowns, lane.id);
  tx.Exec(kSetDrained, lane.id);
  return true;
}

std::vector<std::string> Ids(const pqxx::result& rows) {
  std::vector<std::string> ids;
  for (const pqxx::row& row : rows) ids.push_back(pg::TextField(row[0]));
  return ids;
}

absl::StatusOr<std::vector<std::string>> ReadIds(pg::Pool& pool, const char* name,
                                                 const pg::Query& query, absl::Time deadline) {
  std::vector<std::string> ids;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool, name, {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       ids = Ids(tx.Exec(query));
                                       return absl::OkStatus();
                                     }));
  return ids;
}

std::int64_t RetryDay(pg::Transaction& tx, const Lane& lane, const std::string& day,
                      LedgerEvents& events) {
  std::int64_t retried = 0;
  std::int64_t last_seq = 0;
  while (true) {
    const pqxx::result rows = tx.Exec(kRetryFailed, day, lane.id, last_seq, kChunk);
    if (rows.empty()) return retried;
    AddEvents(lane, rows, MessageState::kFailed, MessageState::kQueued, kReasonTaken, events);
    retried += static_cast<std::int64_t>(rows.size());
    last_seq = rows.back()[8].as<std::int64_t>();
  }
}

}  // namespace

absl::StatusOr<Lane> PgStore::CancelLane(const std::string& outlet, const std::string& id,
                                         absl::Time deadline, const audit::Actor& by) {
  Lane cancelled;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "CancelLane", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
        if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(id);
        cancelled = lane->lane;
        if (cancelled.state == LaneState::kCancelled) return absl::OkStatus();
        if (cancelled.state != LaneState::kRunning && cancelled.state != LaneState::kPaused) {
          return WrongLaneState(cancelled, "cancelled");
        }
        LedgerEvents events;
        const LaneState from = cancelled.state;
        SetLaneState(tx, cancelled, LaneState::kCancelled, "", events);
        AuditLane(tx, by, "CancelLane", cancelled, from);
        EndQueued(tx, cancelled, events);
        return events.Append(tx);
      }));
  return cancelled;
}

absl::StatusOr<LanePass> PgStore::ExpireLanes(absl::Time deadline) {
  LanePass pass;
  KABAR_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                         ReadIds(pool_, "ListLanesPastEnd", kPastEnd, deadline));
  for (const std::string& id : ids) {
    std::optional<Lane> expired;
    KABAR_RETURN_IF_ERROR(pg::Transact(
        pool_, "ExpireLane", {.deadline = deadline, .attempts = 3},
        [&](pg::Transaction& tx) -> absl::Status {
          expired.reset();
          std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
          if (!lane || !lane->past_end ||
              (lane->lane.state != LaneState::kRunning && lane->lane.state != LaneState::kPaused)) {
            return absl::OkStatus();
          }
          expired = lane->lane;
          LedgerEvents events;
          SetLaneState(tx, *expired, LaneState::kExpired, "", events);
          EndQueued(tx, *expired, events);
          return events.Append(tx);
        }));
    if (expired) pass.changed.push_back(*std::move(expired));
  }
  pass.more = ids.size() == 100;
  return pass;
}

absl::StatusOr<LanePass> PgStore::DrainLanes(absl::Time deadline) {
  LanePass pass;
  KABAR_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                         ReadIds(pool_, "ListUndrainedLanes", kUndrained, deadline));
  for (const std::string& id : ids) {
    KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "DrainLane", {.deadline = deadline, .attempts = 3},
                                       [&](pg::Transaction& tx) -> absl::Status {
                                         const auto lane = LockLaneForUpdate(tx, id);
                                         if (!lane) return absl::OkStatus();
                                         LedgerEvents events;
                                         if (!EndQueued(tx, lane->lane, events)) pass.more = true;
                                         return events.Append(tx);
                                       }));
  }
  return pass;
}

absl::StatusOr<RetryResult> PgStore::RetryFailed(const std::string& outlet, const std::string& id,
                                                 const RequestKey& request, absl::Time deadline) {
  RetryResult result;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "RetryFailed", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        result = {};
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
        if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(id);
        result.lane = lane->lane;
        if (answered) {
          if (!absl::SimpleAtoi(*answered, &result.retried)) result.retried = 0;
          return absl::OkStatus();
        }
        if (lane->past_end || result.lane.state == LaneState::kCancelled ||
            result.lane.state == LaneState::kExpired) {
          if (lane->past_end) result.lane.state = LaneState::kExpired;
          return WrongLaneState(result.lane, "retried");
        }
        LedgerEvents events;
        for (const pqxx::row& day : tx.Exec(kLaneDays, id, true)) {
          result.retried += RetryDay(tx, result.lane, pg::TextField(day[0]), events);
        }
        if (result.lane.state == LaneState::kClosed && result.retried > 0) {
          SetLaneState(tx, result.lane, LaneState::kRunning, "", events);
        }
        audit::Append(tx, request.by,
                      {.outlet = outlet,
                       .action = "RetryFailed",
                       .target = "lane/" + id,
                       .after = {{"retried", absl::StrCat(result.retried)}}});
        SaveAnswer(tx, outlet, request.request_id, absl::StrCat(result.retried));
        return events.Append(tx);
      }));
  return result;
}

}  // namespace kabar::dispatcher
