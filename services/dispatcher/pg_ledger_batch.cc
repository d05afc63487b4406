#include "services/dispatcher/pg_ledger_batch.h"

#include <algorithm>
#include <pqxx/result>
#include <utility>

#include "absl/time/clock.h"
#include "services/dispatcher/pg_recipients.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kLanesOf{
    "dispatcher.lanes_of_messages",
    "SELECT DISTINCT lane_id FROM messages WHERE day = $1::date AND id = ANY($2::text[])"};
constexpr pg::Query kLockLanes{"dispatcher.lock_lanes",
                               "SELECT " KABAR_LANE_COLUMNS
                               " FROM lanes l JOIN senders s ON s.id = l.sender_id"
                               " WHERE l.id = ANY($1::text[]) ORDER BY l.id FOR SHARE OF l"};
constexpr pg::Query kLockMessages{
    "dispatcher.lock_messages",
    "SELECT id, lane_id, contact_id, subject, ordinal, recipient_id, form_name <> '', state,"
    " reason, attempt, failures, resends, revision, not_before, claimed_at, provider_id,"
    " reached, attempt_state, started_at, phone, medium <> ''"
    " FROM messages WHERE day = $1::date AND id = ANY($2::text[]) ORDER BY id FOR UPDATE"};
constexpr pg::Query kReadAttempts{
    "dispatcher.read_attempts",
    "SELECT message_id, attempt, state, provider_id, reason, started_at FROM attempts"
    " WHERE day = $1::date AND message_id = ANY($2::text[]) ORDER BY message_id, attempt"};
// An UPDATE ... FROM unnest(...) in other words: the rows are there (they are locked), so every row
// conflicts. What it wins: each is found through the key, where the planner, which knows nothing of
// a day that has just begun, would join 200 values to 200 rows one by one, or read the whole day.
constexpr pg::Query kUpdateMessages{
    "dispatcher.update_messages",
    "INSERT INTO messages AS m (day, id, state, reason, failures, resends, revision, not_before,"
    "  provider_id, reached, attempt_state, started_at, seq, outlet_id, lane_id, ordinal, "
    "contact_id, subject, recipient_id,"
    "  phone, bsuid, body, form_name, form_language, form_parameters)"
    " SELECT $1::date, u.*, 0, '', '', 0, '', '', 0, '', '', '', '', '', '{}'"
    " FROM unnest($2::text[], $3::smallint[], $4::text[], $5::int[], $6::int[], $7::bigint[],"
    "   $8::timestamptz[], $9::text[], $10::smallint[], $11::smallint[], $12::timestamptz[])"
    " AS u(id, state, reason, failures, resends, revision, not_before, provider_id, reached,"
    "   attempt_state, started_at)"
    " ON CONFLICT (day, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
    "   failures = excluded.failures, resends = excluded.resends, revision = excluded.revision,"
    "   not_before = excluded.not_before, provider_id = excluded.provider_id,"
    "   reached = excluded.reached, attempt_state = excluded.attempt_state,"
    "   started_at = excluded.started_at, updated_at = now()"};
constexpr pg::Query kForgetText{"dispatcher.forget_text",
                                "UPDATE messages SET rendered_at = NULL"
                                " WHERE day = $1::date AND id = ANY($2::text[]) AND state = 1"};
constexpr pg::Query kWriteAttempts{
    "dispatcher.write_attempts",
    "INSERT INTO attempts (day, message_id, attempt, state, provider_id, reason, started_at)"
    " SELECT $1::date, * FROM unnest($2::text[], $3::int[], $4::smallint[], $5::text[],"
    "   $6::text[], $7::timestamptz[])"
    " ON CONFLICT (day, message_id, attempt) DO UPDATE SET state = excluded.state,"
    "   provider_id = excluded.provider_id, reason = excluded.reason,"
    "   started_at = excluded.started_at, updated_at = now()"};
constexpr pg::Query kAddUnknown{
    "dispatcher.add_unknown",
    "INSERT INTO unknowns (day, message_id, lane_id, sender_id, attempt, sent_by, since, "
    "for_person)"
    " VALUES ($1::date, $2, $3, $4, $5, $6, clock_timestamp(), $7)"
    " ON CONFLICT (day, message_id) DO UPDATE SET attempt = excluded.attempt,"
    "   sent_by = excluded.sent_by, since = excluded.since, for_person = excluded.for_person"};
constexpr pg::Query kDeleteUnknown{"dispatcher.delete_unknown",
                                   "DELETE FROM unknowns WHERE day = $1::date AND message_id = $2"};
// Touches a row that is there, so that whoever tidies up sees that it is needed again.
constexpr pg::Query kAddRequeued{
    "dispatcher.add_requeued",
    "INSERT INTO requeued (lane_id, day, message_id) VALUES ($1, $2::date, $3)"
    " ON CONFLICT (lane_id, day, message_id) DO UPDATE SET message_id = excluded.message_id"};

std::set<std::string> LanesOf(pg::Transaction& tx, const std::vector<std::string>& ids) {
  std::set<std::string> lanes;
  for (const auto& [day, of_day] : ByDay(ids)) {
    for (const pqxx::row& row : tx.Exec(kLanesOf, day, pg::TextArray(of_day))) {
      lanes.insert(pg::TextField(row[0]));
    }
  }
  return lanes;
}

}  // namespace

// In one order, whatever each is locked for: two of these never wait for each other in a circle. A
// lane that is not to be paused goes on sending meanwhile.
void LedgerBatch::LockLanes(pg::Transaction& tx, const std::set<std::string>& lanes,
                            const std::set<std::string>& to_pause) {
  const auto keep = [&](LaneRow lane) {
    std::string id = lane.lane.id;
    lanes_.emplace(std::move(id), std::move(lane));
  };
  if (to_pause.empty()) {
    const std::vector<std::string> ids(lanes.begin(), lanes.end());
    for (const pqxx::row& row : tx.Exec(kLockLanes, pg::TextArray(ids))) keep(ReadLane(row));
    return;
  }
  for (const std::string& id : lanes) {
    std::optional<LaneRow> lane =
        to_pause.count(id) > 0 ? LockLaneForUpdate(tx, id) : LockLaneForShare(tx, id);
    if (lane) keep(*std::move(lane));
  }
}

void LedgerBatch::Load(pg::Transaction& tx, const std::vector<std::string>& ids,
                       const std::vector<std::string>& pausing,
                       const std::set<std::string>& lanes) {
  const auto days = ByDay(ids);
  const std::set<std::string> all = lanes.empty() ? LanesOf(tx, ids) : lanes;
  if (all.empty()) return;
  LockLanes(tx, all, pausing.empty() ? std::set<std::string>() : LanesOf(tx, pausing));
  for (const auto& [day, of_day] : days) {
    for (const pqxx::row& row : tx.Exec(kLockMessages, day, pg::TextArray(of_day))) {
      const auto lane = lanes_.find(pg::TextField(row[1]));
      if (lane == lanes_.end()) continue;
      LedgerRow& loaded = rows_[{day, pg::TextField(row[0])}];
      loaded.day = day;
      loaded.id = pg::TextField(row[0]);
      loaded.lane = &lane->second;
      loaded.contact_id = pg::TextField(row[2]);
      loaded.subject = pg::TextField(row[3]);
      loaded.ordinal = row[4].as<std::int64_t>();
      loaded.recipient_id = row[5].as<std::int64_t>();
      loaded.has_form = row[6].as<bool>();
      loaded.state = loaded.loaded_state = static_cast<MessageState>(row[7].as<int>());
      loaded.reason = pg::TextField(row[8]);
      loaded.attempt = row[9].as<std::int32_t>();
      loaded.failures = row[10].as<std::int32_t>();
      loaded.resends = row[11].as<std::int32_t>();
      loaded.revision = row[12].as<std::int64_t>();
      loaded.not_before = pg::OptTimeField(row[13]);
      loaded.claimed_at = pg::OptTimeField(row[14]);
      loaded.reached = static_cast<MessageState>(row[16].as<int>());
      loaded.phone = pg::TextField(row[19]);
      loaded.with_medium = row[20].as<bool>();
      if (loaded.attempt > 0) {
        loaded.attempts.push_back({.attempt = loaded.attempt,
                                   .state = static_cast<AttemptState>(row[17].as<int>()),
                                   .provider_id = pg::TextField(row[15]),
                                   .reason = loaded.reason,
                                   .started_at = pg::OptTimeField(row[18])});
      }
      by_id_[loaded.id] = &loaded;
    }
  }
}

void LedgerBatch::LoadEarlierAttempts(pg::Transaction& tx, const std::vector<LedgerRow*>& rows) {
  std::map<std::string, std::vector<std::string>> days;
  for (const LedgerRow* row : rows) {
    if (row->attempt > 1) days[row->day].push_back(row->id);
  }
  for (const auto& [day, ids] : days) {
    for (const pqxx::row& row : tx.Exec(kReadAttempts, day, pg::TextArray(ids))) {
      AttemptRow& attempt = Attempt(*by_id_.at(pg::TextField(row[0])), row[1].as<std::int32_t>());
      attempt.state = static_cast<AttemptState>(row[2].as<int>());
      attempt.provider_id = pg::TextField(row[3]);
      attempt.reason = pg::TextField(row[4]);
      attempt.started_at = pg::OptTimeField(row[5]);
    }
  }
}

LaneRow* LedgerBatch::FindLane(const std::string& id) {
  const auto it = lanes_.find(id);
  return it == lanes_.end() ? nullptr : &it->second;
}

LedgerRow* LedgerBatch::Find(const std::string& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<LedgerRow*> LedgerBatch::All() {
  std::vector<LedgerRow*> all;
  for (auto& [key, row] : rows_) all.push_back(&row);
  return all;
}

AttemptRow& LedgerBatch::Attempt(LedgerRow& row, std::int32_t attempt) {
  auto place = std::lower_bound(row.attempts.begin(), row.attempts.end(), attempt,
                                [](const AttemptRow& a, std::int32_t n) { return a.attempt < n; });
  if (place == row.attempts.end() || place->attempt != attempt) {
    place = row.attempts.insert(place, AttemptRow{.attempt = attempt});
  }
  return *place;
}

bool LedgerBatch::MoveAttempt(LedgerRow& row, std::int32_t number, AttemptState to,
                              const AttemptMove& move) {
  AttemptRow& attempt = Attempt(row, number);
  if (!move.provider_id.empty() && attempt.provider_id.empty()) {
    attempt.provider_id = move.provider_id;
    attempt.changed = true;
  }
  if (move.started_at && !attempt.started_at) {
    attempt.started_at = move.started_at;
    attempt.changed = true;
  }
  const bool latest = number == row.attempt;
  const bool advances = AttemptAdvances(attempt.state, to);
  if (advances) {
    attempt.state = to;
    attempt.reason = move.reason;
    attempt.changed = true;
  }
  if (latest && attempt.changed) row.changed = true;  // it stands in the message's own row
  if (!advances) return false;

  bool try_again = false;
  if (to == AttemptState::kFailed && latest) {
    if (move.costs_try) ++row.failures;
    try_again =
        move.retry && (!move.costs_try || row.failures + row.resends < row.lane->lane.max_attempts);
  }
  std::vector<AttemptRecord> records;
  for (const AttemptRow& a : row.attempts) records.push_back({a.attempt, a.state});
  const MessageState derived = DeriveState(row.state, row.attempt, number, records, try_again);
  if (derived != row.state) ChangeState(row, derived, move.reason, move);
  return true;
}

void LedgerBatch::ChangeState(LedgerRow& row, MessageState to, const std::string& reason,
                              const AttemptMove& move) {
  const LaneRow& lane = *row.lane;
  std::string why = reason;
  if (to == MessageState::kQueued) {
    to = QueuedIn(lane.lane.state, lane.past_end);
    if (to == MessageState::kFailed && why.empty()) why = "LANE_CLOSED";
  }
  if (to == row.state) return;
  const MessageState from = row.state;
  row.state = to;
  std::string reason_before = std::exchange(row.reason, why);
  row.not_before = to == MessageState::kQueued && move.not_before > absl::InfinitePast()
                       ? std::optional<absl::Time>(move.not_before)
                       : std::nullopt;
  row.render_again = to == MessageState::kQueued && move.render_again;
  ++row.revision;
  row.changed = true;
  // The provider prices a message once; it tells so with every status.
  const bool priced = to == MessageState::kDelivered ||
                      (to == MessageState::kRead && from != MessageState::kDelivered);
  changes_.push_back({.row = &row,
                      .attempt = row.attempt,
                      .revision = row.revision,
                      .from = from,
                      .to = to,
                      .reason = std::move(why),
                      .reason_before = std::move(reason_before),
                      .reached_before = row.reached,
                      .pricing_category = priced ? move.pricing_category : "",
                      .billable = priced && move.billable});
  if (to == MessageState::kSent || to == MessageState::kDelivered || to == MessageState::kRead) {
    row.reached = std::max(row.reached, to);
  }
}

void LedgerBatch::Save(pg::Transaction& tx, LedgerEvents& events) {
  SaveMessages(tx);
  ForgetTexts(tx);
  SaveEarlierAttempts(tx);
  SaveSideTables(tx);
  for (const Change& change : changes_) {
    events.Message(change.row->lane->lane, {.message_id = change.row->id,
                                            .contact_id = change.row->contact_id,
                                            .subject = change.row->subject,
                                            .ordinal = change.row->ordinal,
                                            .attempt = change.attempt,
                                            .revision = change.revision,
                                            .from = change.from,
                                            .to = change.to,
                                            .reason = change.reason,
                                            .reason_before = change.reason_before,
                                            .reached_before = change.reached_before,
                                            .pricing_category = change.pricing_category,
                                            .billable = change.billable});
  }
}

void LedgerBatch::SaveMessages(pg::Transaction& tx) {
  std::map<std::string, std::vector<const LedgerRow*>> days;
  for (const auto& [key, row] : rows_) {
    if (row.changed) days[row.day].push_back(&row);
  }
  for (const auto& [day, rows] : days) {
    pg::ArrayBuilder id, state, reason, failures, resends, revision, not_before, provider_id,
        reached, attempt_state, started_at;
    for (const LedgerRow* row : rows) {
      const AttemptRow latest = row->attempts.empty() ? AttemptRow{} : row->attempts.back();
      id.Add(row->id);
      state.Add(static_cast<int>(row->state));
      reason.Add(row->reason);
      failures.Add(row->failures);
      resends.Add(row->resends);
      revision.Add(row->revision);
      not_before.Add(row->not_before);
      provider_id.Add(latest.provider_id);
      reached.Add(static_cast<int>(row->reached));
      attempt_state.Add(static_cast<int>(latest.state));
      started_at.Add(latest.started_at);
    }
    tx.Exec(kUpdateMessages, day, std::move(id).Finish(), std::move(state).Finish(),
            std::move(reason).Finish(), std::move(failures).Finish(), std::move(resends).Finish(),
            std::move(revision).Finish(), std::move(not_before).Finish(),
            std::move(provider_id).Finish(), std::move(reached).Finish(),
            std::move(attempt_state).Finish(), std::move(started_at).Finish());
  }
}

// Apart from SaveMessages, which every message pays for: few are refused for their form.
void LedgerBatch::ForgetTexts(pg::Transaction& tx) {
  std::map<std::string, std::vector<std::string>> days;
  for (const auto& [key, row] : rows_) {
    if (row.render_again) days[row.day].push_back(row.id);
  }
  for (const auto& [day, ids] : days) tx.Exec(kForgetText, day, pg::TextArray(ids));
}

void LedgerBatch::SaveEarlierAttempts(pg::Transaction& tx) {
  struct Columns {
    pg::ArrayBuilder id, attempt, state, provider_id, reason, started_at;
  };
  std::map<std::string, Columns> days;
  for (const auto& [key, row] : rows_) {
    for (const AttemptRow& attempt : row.attempts) {
      if (!attempt.changed || attempt.attempt == row.attempt) continue;
      Columns& c = days[row.day];
      c.id.Add(row.id);
      c.attempt.Add(attempt.attempt);
      c.state.Add(static_cast<int>(attempt.state));
      c.provider_id.Add(attempt.provider_id);
      c.reason.Add(attempt.reason);
      c.started_at.Add(attempt.started_at);
    }
  }
  for (auto& [day, c] : days) {
    tx.Exec(kWriteAttempts, day, std::move(c.id).Finish(), std::move(c.attempt).Finish(),
            std::move(c.state).Finish(), std::move(c.provider_id).Finish(),
            std::move(c.reason).Finish(), std::move(c.started_at).Finish());
  }
}

// Keeps its lane open, also when it has no tries left or the policy leaves it to a person. A lane
// that is over sends nothing more: what is UNKNOWN there is nobody's work.
void LedgerBatch::AddUnknown(pg::Transaction& tx, const LedgerRow& row) {
  const Lane& lane = row.lane->lane;
  if (lane.state != LaneState::kRunning && lane.state != LaneState::kPaused) return;
  const bool for_person = lane.unknown_policy != UnknownPolicy::kResend ||
                          row.failures + row.resends + 1 >= lane.max_attempts;
  absl::Time sent_by = row.claimed_at.value_or(absl::Now()) + kStartAllowance;
  for (const AttemptRow& attempt : row.attempts) {
    if (attempt.attempt == row.attempt && attempt.started_at) sent_by = *attempt.started_at;
  }
  tx.Exec(kAddUnknown, row.day, row.id, lane.id, lane.sender_id, row.attempt, sent_by, for_person);
}

void LedgerBatch::SaveSideTables(pg::Transaction& tx) {
  for (const auto& [key, row] : rows_) {
    const Lane& lane = row.lane->lane;
    const bool was_unknown = row.loaded_state == MessageState::kUnknown;
    if (row.state == MessageState::kUnknown && !was_unknown) {
      AddUnknown(tx, row);
    } else if (was_unknown && row.state != MessageState::kUnknown) {
      tx.Exec(kDeleteUnknown, row.day, row.id);
    }
    if (row.state != MessageState::kQueued || !row.changed) continue;
    // From SENDING the low-water mark still stands at or before it.
    if (row.loaded_state != MessageState::kQueued && row.loaded_state != MessageState::kSending) {
      tx.Exec(kAddRequeued, lane.id, row.day, row.id);
    }
    if (row.render_again) continue;
    requeued_.push_back({.lane_id = lane.id,
                         .portfolio_id = lane.portfolio_id,
                         .entry = {.message_id = row.id,
                                   .recipient_id = row.recipient_id,
                                   .not_before = row.not_before.value_or(absl::InfinitePast())}});
  }
  // The queue knows a person by one id alone.
  std::vector<std::int64_t> ids;
  for (const Store::Requeued& one : requeued_) ids.push_back(one.entry.recipient_id);
  const std::map<std::int64_t, std::int64_t> given_up = GivenUp(tx, ids);
  for (Store::Requeued& one : requeued_) {
    const auto now = given_up.find(one.entry.recipient_id);
    if (now != given_up.end()) one.entry.recipient_id = now->second;
  }
}

}  // namespace kabar::dispatcher
