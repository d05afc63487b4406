// What a person decides on messages that are UNKNOWN. (What the keeper may decide by itself, on
// evidence, stands in pg_rescue.cc.)
#include <pqxx/result>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

// In one transaction: it keeps the lane from claiming meanwhile.
constexpr std::size_t kMostAtOnce = 1000;

constexpr pg::Query kDaysOfLane{"dispatcher.days_of_lane",
                                "SELECT day FROM lane_days WHERE lane_id = $1 ORDER BY day"};
constexpr pg::Query kUnknownOfDay{
    "dispatcher.unknown_of_day",
    "SELECT m.id FROM messages m WHERE m.day = $1::date AND m.lane_id = $2 AND m.state = 7"
    " AND m.updated_at <= clock_timestamp() - $3::bigint * interval '1 millisecond'"
    " ORDER BY m.seq LIMIT $4::bigint"};
constexpr pg::Query kLanesNamed{
    "dispatcher.lanes_of_named",
    "SELECT DISTINCT lane_id FROM messages WHERE day = $1::date AND id = ANY($2::text[])"
    " AND outlet_id = $3"};

// Without locks: reading a long lane must not stop it. Whether they still are UNKNOWN is looked at
// again under the locks.
std::vector<std::string> UnknownOf(pg::Transaction& tx, const UnknownToResolve& what) {
  std::vector<std::string> ids;
  for (const pqxx::row& day : tx.Exec(kDaysOfLane, what.lane_id)) {
    const std::size_t left = kMostAtOnce - ids.size();
    if (left == 0) break;
    for (const pqxx::row& row :
         tx.Exec(kUnknownOfDay, pg::TextField(day[0]), what.lane_id,
                 absl::ToInt64Milliseconds(what.min_age), static_cast<std::int64_t>(left))) {
      ids.push_back(pg::TextField(row[0]));
    }
  }
  return ids;
}

std::set<std::string> LanesOf(pg::Transaction& tx, const std::string& outlet,
                              const std::vector<std::string>& ids) {
  std::set<std::string> lanes;
  for (const auto& [day, of_day] : ByDay(ids)) {
    for (const pqxx::row& row : tx.Exec(kLanesNamed, day, pg::TextArray(of_day), outlet)) {
      lanes.insert(pg::TextField(row[0]));
    }
  }
  return lanes;
}

// The final state that keeps a lane from sending anything more; kNone: it may send.
LaneState Over(const LaneRow& lane) {
  if (lane.lane.state == LaneState::kRunning || lane.lane.state == LaneState::kPaused) {
    return lane.past_end ? LaneState::kExpired : LaneState::kNone;
  }
  return lane.lane.state;
}

// Locks the lanes in their order.
absl::Status TakeLanes(pg::Transaction& tx, const std::string& outlet, const UnknownToResolve& what,
                       const std::vector<std::string>& ids) {
  std::set<std::string> lanes;
  if (what.lane_id.empty()) {
    lanes = LanesOf(tx, outlet, ids);
  } else {
    lanes.insert(what.lane_id);
  }
  for (const std::string& id : lanes) {
    std::optional<LaneRow> lane = LockLaneForUpdate(tx, id);
    if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(id);
    if (what.decision == UnknownDecision::kFail) continue;
    if (const LaneState over = Over(*lane); over != LaneState::kNone) {
      if (what.lane_id.empty()) continue;  // refused message by message
      lane->lane.state = over;
      return WrongLaneState(lane->lane, "sent from again");
    }
  }
  return absl::OkStatus();
}

// Empty: may be resolved.
std::string Refusal(const LedgerRow* row, const std::string& outlet, UnknownDecision decision) {
  if (row == nullptr || row->lane->lane.outlet_id != outlet) return "MESSAGE_NOT_FOUND";
  if (row->state != MessageState::kUnknown) return "NOT_UNKNOWN";
  const LaneState over = Over(*row->lane);
  if (decision == UnknownDecision::kResend && over != LaneState::kNone) {
    return absl::StrCat("LANE_", Name(over));
  }
  return "";
}

void Decide(LedgerBatch& batch, LedgerRow& row, UnknownDecision decision) {
  if (decision == UnknownDecision::kFail) {
    batch.ChangeState(row, MessageState::kFailed, "FAILED_BY_HAND");
    return;
  }
  ++row.resends;  // as the policy's: what may arrive twice is counted in one place
  batch.ChangeState(row, MessageState::kQueued, "RESEND_BY_HAND");
}

// For a repeat of the request: the figures, then a line a refusal.
std::string Encode(const ResolveResult& result) {
  std::string answer = absl::StrCat(result.resolved, " ", result.more ? 1 : 0);
  for (const ResolveResult::Refused& refused : result.refused) {
    absl::StrAppend(&answer, "\n", refused.reason, " ", static_cast<int>(refused.state), " ",
                    refused.message_id);
  }
  return answer;
}

ResolveResult Decode(const std::string& answer) {
  ResolveResult result;
  const std::vector<std::string> lines = absl::StrSplit(answer, '\n');
  const std::vector<std::string> figures = absl::StrSplit(lines[0], ' ');
  if (!absl::SimpleAtoi(figures[0], &result.resolved)) result.resolved = 0;
  result.more = figures.size() > 1 && figures[1] == "1";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(lines[i], absl::MaxSplits(' ', 2));
    int state = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &state)) continue;
    result.refused.push_back(
        {.message_id = parts[2], .state = static_cast<MessageState>(state), .reason = parts[0]});
  }
  return result;
}

absl::Status Resolve(pg::Transaction& tx, const std::string& outlet, const UnknownToResolve& what,
                     LedgerEvents& events, ResolveResult& result) {
  const bool named = what.lane_id.empty();
  const std::vector<std::string> ids = named ? what.message_ids : UnknownOf(tx, what);
  result.more = !named && ids.size() == kMostAtOnce;
  KABAR_RETURN_IF_ERROR(TakeLanes(tx, outlet, what, ids));
  LedgerBatch batch;
  batch.Load(tx, ids);
  std::set<std::string> seen;
  for (const std::string& id : ids) {
    if (!seen.insert(id).second) continue;
    LedgerRow* row = batch.Find(id);
    const std::string refusal = Refusal(row, outlet, what.decision);
    if (refusal.empty()) {
      Decide(batch, *row, what.decision);
      ++result.resolved;
    } else if (named) {
      const bool there = refusal != "MESSAGE_NOT_FOUND";
      result.refused.push_back(
          {.message_id = id, .state = there ? row->state : MessageState::kNone, .reason = refusal});
    }
  }
  batch.Save(tx, events);
  result.requeued = batch.requeued();
  return absl::OkStatus();
}

audit::Entry EntryOf(const std::string& outlet, const UnknownToResolve& what,
                     const ResolveResult& result) {
  const bool resend = what.decision == UnknownDecision::kResend;
  audit::Entry entry{
      .outlet = outlet,
      .action = "ResolveUnknown",
      .target = what.lane_id.empty() ? "messages" : absl::StrCat("lane/", what.lane_id),
      .after = {{"decision", resend ? "RESEND" : "FAILED"},
                {"resolved", absl::StrCat(result.resolved)},
                {"refused", absl::StrCat(result.refused.size())}}};
  if (!what.message_ids.empty()) {
    entry.after.emplace_back("messages", absl::StrJoin(what.message_ids, " "));
  }
  return entry;
}

}  // namespace

absl::StatusOr<ResolveResult> PgStore::ResolveUnknown(const std::string& outlet,
                                                      const UnknownToResolve& what,
                                                      const RequestKey& request,
                                                      absl::Time deadline) {
  ResolveResult result;
  absl::Status status = pg::Transact(
      pool_, "ResolveUnknown", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        result = {};
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        if (answered) {
          result = Decode(*answered);
          return absl::OkStatus();
        }
        LedgerEvents events;
        KABAR_RETURN_IF_ERROR(Resolve(tx, outlet, what, events, result));
        audit::Append(tx, request.by, EntryOf(outlet, what, result));
        SaveAnswer(tx, outlet, request.request_id, Encode(result));
        return events.Append(tx);
      });
  if (!status.ok()) return status;
  return result;
}

}  // namespace kabar::dispatcher
