#include "services/campaigns/pg_store.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/arrays.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"

namespace kabar::campaigns {
namespace {

// The columns that CampaignOf reads. The cursor is noted after a batch was enqueued; if its process
// died between the two, the events know of the batch, and nothing else ever will once the campaign
// has ended.
#define KABAR_CAMPAIGN_COLUMNS                                                                    \
  "outlet_id, id, name, template_id, template_version, segment_id, subject, purpose, sender_id, " \
  "rate, batch_size, max_attempts, start_text, end_text, unknown_policy, state, state_reason, "   \
  "run_id, run_day::text, start_at, end_at, asked, "                                              \
  "greatest(cursor, (SELECT sum(s) FROM run_progress p, unnest(p.states) s "                      \
  "WHERE p.run_id = campaigns.run_id)::bigint), finished, retried, created_at, "                  \
  "updated_at, finished_at"

constexpr pg::Query kInsert{
    "campaigns.insert",
    "INSERT INTO campaigns (outlet_id, id, name, template_id, segment_id, subject, purpose, "
    "sender_id, rate, batch_size, max_attempts, start_text, end_text, unknown_policy, state, "
    "start_at, end_at, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$18)"};
constexpr pg::Query kGet{"campaigns.get", "SELECT " KABAR_CAMPAIGN_COLUMNS
                                          " FROM campaigns WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kLock{"campaigns.lock",
                          "SELECT " KABAR_CAMPAIGN_COLUMNS
                          " FROM campaigns WHERE outlet_id = $1 AND id = $2 FOR UPDATE"};
constexpr pg::Query kList{"campaigns.list", "SELECT " KABAR_CAMPAIGN_COLUMNS
                                            " FROM campaigns WHERE outlet_id = $1 AND id > $2 "
                                            "AND ($3 = 0 OR state = $3) ORDER BY id LIMIT $4"};
// Saving gives the lease back: whoever saved is done with this step.
constexpr pg::Query kSave{
    "campaigns.save",
    "UPDATE campaigns SET name = $3, template_id = $4, template_version = $5, segment_id = $6, "
    "subject = $7, purpose = $8, sender_id = $9, rate = $10, batch_size = $11, max_attempts = $12, "
    "start_text = $13, end_text = $14, unknown_policy = $15, state = $16, state_reason = $17, "
    "run_id = $18, run_day = $19::date, start_at = $20, end_at = $21, asked = $22, cursor = $23, "
    "finished = $24, retried = $25, updated_at = $26, finished_at = $27, due_at = $28, "
    "lease_until = NULL "
    "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kTakeDue{
    "campaigns.take_due",
    "UPDATE campaigns SET lease_owner = $1, lease_until = $3, due_at = $3 WHERE id = ("
    "SELECT id FROM campaigns WHERE due_at <= $2 ORDER BY due_at LIMIT 1 "
    "FOR UPDATE SKIP LOCKED) "
    "RETURNING " KABAR_CAMPAIGN_COLUMNS};
constexpr pg::Query kNextDue{"campaigns.next_due", "SELECT min(due_at) FROM campaigns"};
constexpr pg::Query kProgress{"campaigns.progress",
                              "SELECT states, retried FROM run_progress WHERE run_id = $1"};

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

constexpr pg::Query kReserve{"campaigns.reserve_request",
                             "INSERT INTO request_log (outlet_id, request_id, method, fingerprint) "
                             "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr pg::Query kReserved{"campaigns.reserved_request",
                              "SELECT method, fingerprint, response FROM request_log "
                              "WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kSaveResponse{
    "campaigns.save_response",
    "UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kForget{"campaigns.forget_requests",
                            "DELETE FROM request_log WHERE created_at < $1"};
constexpr pg::Query kNoteRetry{"campaigns.note_retry",
                               "INSERT INTO retries (outlet_id, request_id, retried_before) "
                               "SELECT outlet_id, $3, retried FROM campaigns "
                               "WHERE outlet_id = $1 AND id = $2 ON CONFLICT DO NOTHING"};
constexpr pg::Query kNotedRetry{
    "campaigns.noted_retry",
    "SELECT retried_before FROM retries WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kForgetRetries{"campaigns.forget_retries",
                                   "DELETE FROM retries WHERE created_at < $1"};

std::optional<absl::CivilDay> DayOf(const pqxx::field& field) {
  absl::CivilDay day;
  if (field.is_null() || !absl::ParseCivilTime(field.c_str(), &day)) return std::nullopt;
  return day;
}

Campaign CampaignOf(const pqxx::row& r) {
  Campaign c;
  int i = 0;
  c.outlet_id = pg::TextField(r[i++]);
  c.id = pg::TextField(r[i++]);
  c.name = pg::TextField(r[i++]);
  c.template_id = pg::TextField(r[i++]);
  c.template_version = r[i++].as<std::int32_t>();
  c.segment_id = pg::TextField(r[i++]);
  c.subject = r[i++].as<int>();
  c.purpose = r[i++].as<int>();
  c.sender_id = pg::TextField(r[i++]);
  c.rate = pg::TextField(r[i++]);
  c.batch_size = r[i++].as<std::int32_t>();
  c.max_attempts = r[i++].as<std::int32_t>();
  c.start_text = pg::TextField(r[i++]);
  c.end_text = pg::TextField(r[i++]);
  c.unknown_policy = r[i++].as<int>();
  c.state = static_cast<State>(r[i++].as<int>());
  c.state_reason = pg::TextField(r[i++]);
  c.run_id = pg::TextField(r[i++]);
  c.run_day = DayOf(r[i++]);
  c.start_at = pg::OptTimeField(r[i++]);
  c.end_at = pg::OptTimeField(r[i++]);
  c.asked = pg::OptIntField(r[i++]);
  c.cursor = r[i++].as<std::int64_t>();
  c.finished = r[i++].as<bool>();
  c.retried = r[i++].as<std::int64_t>();
  c.created_at = pg::TimeField(r[i++]);
  c.updated_at = pg::TimeField(r[i++]);
  c.finished_at = pg::OptTimeField(r[i++]);
  return c;
}

absl::Status NotFound(const std::string& id) {
  return base::Error(absl::StatusCode::kNotFound, "CAMPAIGN_NOT_FOUND",
                     absl::StrCat("this outlet has no campaign ", id,
                                  ": list its campaigns to see which there are"));
}

pg::TransactOptions ReadOnly(absl::Time deadline) {
  return {.deadline = deadline, .read_only = true};
}

class PgUnit : public Store::Unit {
 public:
  PgUnit(pg::Transaction& tx, const std::string& outlet) : tx_(tx), outlet_(outlet) {}

  absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
      const std::string& request_id, const rpc::RequestRecord& mine) override {
    if (tx_.Exec(kReserve, outlet_, request_id, mine.method, pg::Bytes(mine.fingerprint))
            .affected_rows() > 0) {
      return std::nullopt;
    }
    const pqxx::row row = tx_.ExecOne(kReserved, outlet_, request_id);
    rpc::RequestRecord record;
    record.method = pg::TextField(row[0]);
    record.fingerprint = pg::BytesField(row[1]);
    if (!row[2].is_null()) record.response = pg::BytesField(row[2]);
    return record;
  }

  absl::Status SaveResponse(const std::string& request_id, const std::string& response) override {
    tx_.Exec(kSaveResponse, outlet_, request_id, pg::Bytes(response));
    return absl::OkStatus();
  }

  void Audit(const audit::Actor& by, const audit::Entry& entry) override {
    audit::Append(tx_, by, entry);
  }

  absl::Status Insert(const Campaign& c) override {
    tx_.Exec(kInsert, outlet_, c.id, c.name, c.template_id, c.segment_id, c.subject, c.purpose,
             c.sender_id, c.rate, c.batch_size, c.max_attempts, c.start_text, c.end_text,
             c.unknown_policy, static_cast<int>(c.state), c.start_at, c.end_at, c.created_at);
    return absl::OkStatus();
  }

  absl::StatusOr<Campaign> Lock(const std::string& id) override {
    const auto row = tx_.ExecMaybe(kLock, outlet_, id);
    if (!row) return NotFound(id);
    return CampaignOf(*row);
  }

  absl::StatusOr<std::optional<std::int64_t>> NoteRetry(const std::string& campaign_id,
                                                        const std::string& retry_id) override {
    if (tx_.Exec(kNoteRetry, outlet_, campaign_id, retry_id).affected_rows() > 0) {
      return std::nullopt;
    }
    const auto row = tx_.ExecMaybe(kNotedRetry, outlet_, retry_id);
    if (!row) return std::nullopt;  // no such campaign: the verb will say so
    return (*row)[0].as<std::int64_t>();
  }

  absl::Status Save(const Campaign& c, std::optional<absl::Time> due) override {
    std::optional<std::string> day;
    if (c.run_day) day = absl::FormatCivilTime(*c.run_day);
    tx_.Exec(kSave, outlet_, c.id, c.name, c.template_id, c.template_version, c.segment_id,
             c.subject, c.purpose, c.sender_id, c.rate, c.batch_size, c.max_attempts, c.start_text,
             c.end_text, c.unknown_policy, static_cast<int>(c.state), c.state_reason, c.run_id, day,
             c.start_at, c.end_at, c.asked, c.cursor, c.finished, c.retried, c.updated_at,
             c.finished_at, due);
    return absl::OkStatus();
  }

 private:
  pg::Transaction& tx_;
  const std::string& outlet_;
};

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

absl::Status PgStore::Write(const std::string& outlet, absl::string_view operation,
                            absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) {
  return pg::Transact(pool_, operation, deadline, [&](pg::Transaction& tx) -> absl::Status {
    PgUnit unit(tx, outlet);
    return work(unit);
  });
}

absl::StatusOr<Campaign> PgStore::Get(const std::string& outlet, const std::string& id,
                                      absl::Time deadline) {
  Campaign found;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetCampaign", ReadOnly(deadline),
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       const auto row = tx.ExecMaybe(kGet, outlet, id);
                                       if (!row) return NotFound(id);
                                       found = CampaignOf(*row);
                                       return absl::OkStatus();
                                     }));
  return found;
}

absl::StatusOr<std::vector<Campaign>> PgStore::List(const std::string& outlet, int state,
                                                    const std::string& after_id, int limit,
                                                    absl::Time deadline) {
  std::vector<Campaign> found;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListCampaigns", ReadOnly(deadline), [&](pg::Transaction& tx) {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kList, outlet, after_id, state, limit)) {
          found.push_back(CampaignOf(row));
        }
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::optional<Campaign>> PgStore::TakeDue(const std::string& owner, absl::Time now,
                                                         absl::Duration lease,
                                                         absl::Time deadline) {
  std::optional<Campaign> taken;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "TakeDue", deadline, [&](pg::Transaction& tx) {
    taken.reset();
    if (const auto row = tx.ExecMaybe(kTakeDue, owner, now, now + lease)) taken = CampaignOf(*row);
    return absl::OkStatus();
  }));
  return taken;
}

absl::StatusOr<Progress> PgStore::ReadProgress(const std::string& run_id, absl::Time deadline) {
  Progress progress;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ReadProgress", ReadOnly(deadline), [&](pg::Transaction& tx) {
        const auto row = tx.ExecMaybe(kProgress, run_id);
        if (!row) return absl::OkStatus();
        const auto states = pg::BigintArrayField((*row)[0]);
        for (std::size_t i = 0; i < states.size() && i < progress.states.size(); ++i) {
          progress.states[i] = states[i];
        }
        progress.retried = (*row)[1].as<std::int64_t>();
        return absl::OkStatus();
      }));
  return progress;
}

absl::StatusOr<absl::Time> PgStore::NextDue(absl::Time deadline) {
  absl::Time next = absl::InfiniteFuture();
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "NextDue", ReadOnly(deadline), [&](pg::Transaction& tx) {
        next = pg::OptTimeField(tx.ExecOne(kNextDue)[0]).value_or(absl::InfiniteFuture());
        return absl::OkStatus();
      }));
  return next;
}

absl::Status PgStore::ForgetRequests(absl::Time before, absl::Time deadline) {
  return pg::Transact(pool_, "ForgetRequests", deadline, [&](pg::Transaction& tx) {
    tx.Exec(kForget, before);
    tx.Exec(kForgetRetries, before);
    return absl::OkStatus();
  });
}

std::unique_ptr<events::Sink> PgStore::MakeSink(std::function<void()> woken) {
  return events::MakePgSink(
      pool_, "dispatcher",
      [woken = std::move(woken)](pg::Transaction& tx,
                                 absl::Span<const events::v1::NumberedBatch* const> batches) {
        return ApplyEvents(tx, batches, woken);
      });
}

}  // namespace kabar::campaigns
