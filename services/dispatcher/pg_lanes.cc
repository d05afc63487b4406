// Lanes and the changes of their state that touch no message.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

#define KABAR_LANE_QUERY \
  "SELECT " KABAR_LANE_COLUMNS " FROM lanes l JOIN senders s ON s.id = l.sender_id "

constexpr pg::Query kGetLanes{"dispatcher.get_lanes",
                              KABAR_LANE_QUERY "WHERE l.id = ANY($1::text[]) ORDER BY l.id"};
constexpr pg::Query kOpenLanes{"dispatcher.open_lanes",
                               KABAR_LANE_QUERY "WHERE l.state IN (1, 2) ORDER BY l.id"};
constexpr pg::Query kOpenLanesOfOutlet{
    "dispatcher.open_lanes_of_outlet", KABAR_LANE_QUERY
    "WHERE l.state IN (1, 2) AND l.outlet_id = $1 AND l.id > $2"
    " AND ($3::smallint = 0 OR l.state = $3::smallint) ORDER BY l.id"
    " LIMIT $4::bigint"};
constexpr pg::Query kOpenLanesOf{
    "dispatcher.open_lanes_of",
    "SELECT " KABAR_LANE_COLUMNS
    ", (SELECT COALESCE(sum(d.enqueued), 0)::bigint FROM lane_days d WHERE d.lane_id = l.id)"
    " FROM lanes l JOIN senders s ON s.id = l.sender_id"
    " WHERE s.portfolio_id = $1 AND l.state IN (1, 2) ORDER BY l.id"};
constexpr pg::Query kCountEnqueued{
    "dispatcher.count_enqueued",
    "SELECT COALESCE(sum(enqueued), 0)::bigint FROM lane_days WHERE lane_id = $1"};
constexpr pg::Query kSenderOutlet{"dispatcher.sender_of_outlet",
                                  "SELECT 1 FROM senders WHERE id = $1 AND outlet_id = $2"};
constexpr pg::Query kInsertLane{
    "dispatcher.insert_lane",
    "INSERT INTO lanes (id, outlet_id, sender_id, priority, rate, run_id, asked, end_time,"
    " fresh_for_s, max_attempts, unknown_policy, purpose, state)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1) ON CONFLICT DO NOTHING"};
constexpr pg::Query kSetLaneState{"dispatcher.set_lane_state",
                                  "UPDATE lanes SET state = $2, state_reason = $3 WHERE id = $1"};
constexpr pg::Query kSetLaneRate{"dispatcher.set_lane_rate",
                                 "UPDATE lanes SET rate = $2, version = version + 1 WHERE id = $1"};
constexpr pg::Query kFinishLane{"dispatcher.finish_lane",
                                "UPDATE lanes SET finished_expanding = true WHERE id = $1"};

std::string RateText(const std::optional<base::Rate>& rate) {
  return rate ? base::FormatRate(*rate) : "";
}

// With the number of its messages.
absl::StatusOr<Lane> FindLane(pg::Transaction& tx, const std::string& outlet,
                              const std::string& id) {
  const auto row = tx.ExecMaybe(kGetLanes, pg::TextArray(std::vector<std::string>{id}));
  if (!row) return LaneNotFound(id);
  Lane lane = ReadLane(*row).lane;
  if (lane.outlet_id != outlet) return LaneNotFound(id);
  lane.enqueued = tx.ExecOne(kCountEnqueued, id)[0].as<std::int64_t>();
  return lane;
}

}  // namespace

absl::Status WrongLaneState(const Lane& lane, absl::string_view verb) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kFailedPrecondition, absl::StrCat("LANE_", Name(lane.state)),
                  absl::StrCat("the lane is ", Name(lane.state), " and cannot be ", verb)),
      "lane", lane.id);
}

void SetLaneState(pg::Transaction& tx, Lane& lane, LaneState to, const std::string& reason,
                  LedgerEvents& events) {
  tx.Exec(kSetLaneState, lane.id, static_cast<int>(to), reason);
  const LaneState from = lane.state;
  lane.state = to;
  lane.state_reason = reason;
  events.LaneChanged(lane, from);
}

void AuditLane(pg::Transaction& tx, const audit::Actor& by, const std::string& action,
               const Lane& lane, LaneState from) {
  audit::Append(tx, by,
                {.outlet = lane.outlet_id,
                 .action = action,
                 .target = "lane/" + lane.id,
                 .reason = lane.state_reason,
                 .before = {{"state", std::string(Name(from))}},
                 .after = {{"state", std::string(Name(lane.state))}}});
}

absl::StatusOr<std::vector<Lane>> PgStore::ListOpenLanes(absl::Time deadline) {
  std::vector<Lane> lanes;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListOpenLanes",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       lanes.clear();
                                       for (const pqxx::row& row : tx.Exec(kOpenLanes)) {
                                         lanes.push_back(ReadLane(row).lane);
                                       }
                                       return absl::OkStatus();
                                     }));
  return lanes;
}

absl::StatusOr<std::vector<Lane>> PgStore::ListOpenLanes(const std::string& outlet,
                                                         const std::string& after,
                                                         std::optional<LaneState> state, int limit,
                                                         absl::Time deadline) {
  std::vector<Lane> lanes;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListOpenLanesOfOutlet", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        lanes.clear();
        const int only = state ? static_cast<int>(*state) : 0;
        for (const pqxx::row& row : tx.Exec(kOpenLanesOfOutlet, outlet, after, only, limit)) {
          lanes.push_back(ReadLane(row).lane);
        }
        return absl::OkStatus();
      }));
  return lanes;
}

absl::StatusOr<std::vector<Lane>> PgStore::GetLanes(const std::vector<std::string>& ids,
                                                    absl::Time deadline) {
  std::vector<Lane> lanes;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetLanes", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       lanes.clear();
                                       for (const pqxx::row& row :
                                            tx.Exec(kGetLanes, pg::TextArray(ids))) {
                                         lanes.push_back(ReadLane(row).lane);
                                       }
                                       return absl::OkStatus();
                                     }));
  return lanes;
}

absl::StatusOr<Lane> PgStore::CreateLane(const Lane& lane, absl::Time deadline) {
  Lane created;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "CreateLane", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        if (!tx.ExecMaybe(kSenderOutlet, lane.sender_id, lane.outlet_id)) {
          return base::Error(absl::StatusCode::kNotFound, "SENDER_NOT_FOUND",
                             "the lane's sender_id names no sender of this outlet");
        }
        const pqxx::result inserted =
            tx.Exec(kInsertLane, lane.id, lane.outlet_id, lane.sender_id, lane.priority,
                    RateText(lane.rate), lane.run_id, lane.asked, lane.end_time,
                    absl::ToInt64Seconds(lane.fresh_for), lane.max_attempts,
                    static_cast<int>(lane.unknown_policy), lane.purpose);
        absl::StatusOr<Lane> found = FindLane(tx, lane.outlet_id, lane.id);
        if (absl::IsNotFound(found.status())) {
          return base::Error(absl::StatusCode::kAlreadyExists, "LANE_ID_TAKEN",
                             "this lane id is taken; choose another");
        }
        KABAR_ASSIGN_OR_RETURN(created, std::move(found));
        if (inserted.affected_rows() == 0) return absl::OkStatus();
        LedgerEvents events;
        events.LaneChanged(created, LaneState::kNone);
        return events.Append(tx);
      }));
  return created;
}

absl::StatusOr<std::vector<Lane>> PgStore::ListOpenLanesOf(const std::string& portfolio_id,
                                                           absl::Time deadline) {
  std::vector<Lane> lanes;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListOpenLanesOf", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     lanes.clear();
                     for (const pqxx::row& row : tx.Exec(kOpenLanesOf, portfolio_id)) {
                       lanes.push_back(ReadLane(row).lane);
                       lanes.back().enqueued = row[row.size() - 1].as<std::int64_t>();
                     }
                     return absl::OkStatus();
                   }));
  return lanes;
}

absl::StatusOr<Lane> PgStore::GetLane(const std::string& outlet, const std::string& id,
                                      absl::Time deadline) {
  absl::StatusOr<Lane> lane = absl::UnknownError("not read");
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetLane", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       lane = FindLane(tx, outlet, id);
                                       return lane.status();
                                     }));
  return lane;
}

absl::StatusOr<Lane> PgStore::ChangeLaneState(const std::string& outlet, const std::string& id,
                                              LaneState to, const std::string& reason,
                                              absl::Time deadline, const audit::Actor& by) {
  Lane changed;
  const bool pause = to == LaneState::kPaused;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, pause ? "PauseLane" : "ResumeLane", {.deadline = deadline, .attempts = 3},
                   [&](pg::Transaction& tx) -> absl::Status {
                     std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
                     if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(id);
                     changed = lane->lane;
                     if (changed.state == to) return absl::OkStatus();
                     if (changed.state != (pause ? LaneState::kRunning : LaneState::kPaused)) {
                       return WrongLaneState(changed, pause ? "paused" : "resumed");
                     }
                     LedgerEvents events;
                     const LaneState from = changed.state;
                     SetLaneState(tx, changed, to, reason, events);
                     AuditLane(tx, by, pause ? "PauseLane" : "ResumeLane", changed, from);
                     return events.Append(tx);
                   }));
  return changed;
}

absl::StatusOr<Lane> PgStore::SetLaneRate(const std::string& outlet, const std::string& id,
                                          const std::optional<base::Rate>& rate,
                                          absl::Time deadline, const audit::Actor& by) {
  Lane changed;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "SetLaneRate", {.deadline = deadline, .attempts = 3},
                   [&](pg::Transaction& tx) -> absl::Status {
                     const std::optional<LaneRow> before = LockLaneForUpdate(tx, id);
                     if (!before || before->lane.outlet_id != outlet) return LaneNotFound(id);
                     const LaneState state = before->lane.state;
                     if (state != LaneState::kRunning && state != LaneState::kPaused) {
                       return WrongLaneState(before->lane, "given another rate");
                     }
                     const std::string was = RateText(before->lane.rate), becomes = RateText(rate);
                     if (was != becomes) {
                       tx.Exec(kSetLaneRate, id, becomes);
                       audit::Append(tx, by,
                                     {.outlet = outlet,
                                      .action = "SetLaneRate",
                                      .target = "lane/" + id,
                                      .before = {{"rate", was}},
                                      .after = {{"rate", becomes}}});
                     }
                     KABAR_ASSIGN_OR_RETURN(changed, FindLane(tx, outlet, id));
                     return absl::OkStatus();
                   }));
  return changed;
}

absl::StatusOr<Lane> PgStore::PauseLane(const std::string& outlet, const std::string& id,
                                        const std::string& reason, absl::Time deadline,
                                        const audit::Actor& by) {
  return ChangeLaneState(outlet, id, LaneState::kPaused, reason, deadline, by);
}

absl::StatusOr<Lane> PgStore::ResumeLane(const std::string& outlet, const std::string& id,
                                         absl::Time deadline, const audit::Actor& by) {
  return ChangeLaneState(outlet, id, LaneState::kRunning, "", deadline, by);
}

absl::StatusOr<Lane> PgStore::FinishLane(const std::string& outlet, const std::string& id,
                                         absl::Time deadline) {
  Lane finished;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "FinishLane", {.deadline = deadline, .attempts = 3},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       const auto lane = LockLaneForUpdate(tx, id);
                                       if (!lane || lane->lane.outlet_id != outlet) {
                                         return LaneNotFound(id);
                                       }
                                       finished = lane->lane;
                                       finished.finished_expanding = true;
                                       tx.Exec(kFinishLane, id);
                                       return absl::OkStatus();
                                     }));
  return finished;
}

}  // namespace kabar::dispatcher
