#include "services/campaigns/pg_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/arrays.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"
#include "services/campaigns/pg_rows.h"

namespace kabar::campaigns {
namespace {

constexpr pg::Query kInsert{
    "campaigns.insert",
    "INSERT INTO campaigns (outlet_id, id, name, template_id, segment_id, subject, purpose, "
    "sender_id, rate, batch_size, max_attempts, start_text, end_text, unknown_policy, state, "
    "start_at, end_at, created_at, updated_at, max_data_age_hours, weekdays, skip_holidays) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$18, $19, $20, $21)"};
constexpr pg::Query kGet{"campaigns.get", "SELECT " KABAR_CAMPAIGN_COLUMNS
                                          " FROM campaigns WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kLock{"campaigns.lock",
                          "SELECT " KABAR_CAMPAIGN_COLUMNS
                          " FROM campaigns WHERE outlet_id = $1 AND id = $2 FOR UPDATE"};
constexpr pg::Query kList{
    "campaigns.list", "SELECT " KABAR_CAMPAIGN_COLUMNS
                      " FROM campaigns WHERE outlet_id = $1 AND id > $2 "
                      "AND (parent_id = '' OR $5) AND ($3 = 0 OR state = $3) ORDER BY id LIMIT $4"};
// Saving gives the lease back: whoever saved is done with this step.
constexpr pg::Query kSave{
    "campaigns.save",
    "UPDATE campaigns SET name = $3, template_id = $4, template_version = $5, segment_id = $6, "
    "subject = $7, purpose = $8, sender_id = $9, rate = $10, batch_size = $11, max_attempts = $12, "
    "start_text = $13, end_text = $14, unknown_policy = $15, state = $16, state_reason = $17, "
    "run_id = $18, run_day = $19::date, start_at = $20, end_at = $21, asked = $22, cursor = $23, "
    "finished = $24, retried = $25, updated_at = $26, finished_at = $27, due_at = $28, "
    "max_data_age_hours = $29, weekdays = $30, skip_holidays = $31, "
    "accepted_troubles = $32, lease_until = NULL "
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
constexpr pg::Query kClearTestNumbers{"campaigns.clear_test_numbers",
                                      "DELETE FROM test_numbers WHERE outlet_id = $1"};
constexpr pg::Query kAddTestNumbers{
    "campaigns.add_test_numbers",
    "INSERT INTO test_numbers (outlet_id, phone) SELECT $1, unnest($2::text[])"};
constexpr pg::Query kListTestNumbers{
    "campaigns.list_test_numbers",
    "SELECT phone FROM test_numbers WHERE outlet_id = $1 ORDER BY phone"};
constexpr pg::Query kForgetRetries{"campaigns.forget_retries",
                                   "DELETE FROM retries WHERE created_at < $1"};

std::optional<absl::CivilDay> DayOf(const pqxx::field& field) {
  absl::CivilDay day;
  if (field.is_null() || !absl::ParseCivilTime(field.c_str(), &day)) return std::nullopt;
  return day;
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
             c.unknown_policy, static_cast<int>(c.state), c.start_at, c.end_at, c.created_at,
             c.max_data_age_hours, c.weekdays, c.skip_holidays);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> InsertRun(const Campaign& run, std::optional<absl::Time> due) override {
    if (!campaigns::InsertRun(tx_, run)) return false;
    KABAR_RETURN_IF_ERROR(Save(run, due));
    return true;
  }
  absl::StatusOr<std::string> AcceptedByLastRun(const std::string& parent_id) override {
    return campaigns::AcceptedByLastRun(tx_, outlet_, parent_id);
  }
  absl::StatusOr<Holidays> ListHolidays(absl::CivilDay first) override {
    return HolidaysFrom(tx_, outlet_, first);
  }
  absl::StatusOr<std::int64_t> PutHolidays(const std::vector<Holiday>& holidays,
                                           absl::Time now) override {
    return campaigns::PutHolidays(tx_, outlet_, holidays, now);
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

  void SetTestNumbers(const std::vector<std::string>& phones) override {
    tx_.Exec(kClearTestNumbers, outlet_);
    tx_.Exec(kAddTestNumbers, outlet_, pg::TextArray(phones));
  }
  absl::StatusOr<std::vector<std::string>> ListTestNumbers() override {
    std::vector<std::string> phones;
    for (const pqxx::row& row : tx_.Exec(kListTestNumbers, outlet_)) {
      phones.push_back(pg::TextField(row[0]));
    }
    return phones;
  }

  absl::Status Save(const Campaign& c, std::optional<absl::Time> due) override {
    std::optional<std::string> day;
    if (c.run_day) day = absl::FormatCivilTime(*c.run_day);
    tx_.Exec(kSave, outlet_, c.id, c.name, c.template_id, c.template_version, c.segment_id,
             c.subject, c.purpose, c.sender_id, c.rate, c.batch_size, c.max_attempts, c.start_text,
             c.end_text, c.unknown_policy, static_cast<int>(c.state), c.state_reason, c.run_id, day,
             c.start_at, c.end_at, c.asked, c.cursor, c.finished, c.retried, c.updated_at,
             c.finished_at, due, c.max_data_age_hours, c.weekdays, c.skip_holidays,
             c.accepted_troubles);
    return absl::OkStatus();
  }

 private:
  pg::Transaction& tx_;
  const std::string& outlet_;
};

}  // namespace

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
  c.max_data_age_hours = r[i++].as<std::int32_t>();
  c.weekdays = r[i++].as<int>();
  c.skip_holidays = r[i++].as<bool>();
  c.parent_id = pg::TextField(r[i++]);
  c.occurrence_at = pg::OptTimeField(r[i++]);
  c.accepted_troubles = pg::TextField(r[i++]);
  return c;
}

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
                                                    bool show_runs, const std::string& after_id,
                                                    int limit, absl::Time deadline) {
  std::vector<Campaign> found;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListCampaigns", ReadOnly(deadline), [&](pg::Transaction& tx) {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kList, outlet, after_id, state, limit, show_runs)) {
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

}  // namespace kabar::campaigns
