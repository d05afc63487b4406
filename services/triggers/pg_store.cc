// Automations, request ids, and the sweep.
#include "services/triggers/pg_store.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"

namespace kabar::triggers {
namespace {

#define KABAR_AUTOMATION_COLUMNS                                                                  \
  "SELECT id, name, event_type, template_id, sender_id, delay_seconds, enabled, "                 \
  "created_at, updated_at, extra_variables FROM automations WHERE outlet_id = $1 AND deleted_at " \
  "IS NULL "

constexpr pg::Query kGet{"triggers.get_automation", KABAR_AUTOMATION_COLUMNS "AND id = $2"};
constexpr pg::Query kLock{"triggers.lock_automation",
                          KABAR_AUTOMATION_COLUMNS "AND id = $2 FOR UPDATE"};
constexpr pg::Query kList{"triggers.list_automations", KABAR_AUTOMATION_COLUMNS
                          "AND (created_at, id) > ($2::timestamptz, $3) "
                          "ORDER BY created_at, id LIMIT $4"};
constexpr pg::Query kInsert{
    "triggers.insert_automation",
    "INSERT INTO automations (outlet_id, id, name, event_type, template_id, sender_id, "
    "delay_seconds, enabled, created_at, updated_at, extra_variables) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10::text[])"};
constexpr pg::Query kSave{
    "triggers.save_automation",
    "UPDATE automations SET name = $3, event_type = $4, template_id = $5, sender_id = $6, "
    "delay_seconds = $7, enabled = $8, updated_at = $9, extra_variables = $10::text[] WHERE "
    "outlet_id = $1 AND id = $2"};
constexpr pg::Query kDelete{
    "triggers.delete_automation",
    "UPDATE automations SET deleted_at = $3 WHERE outlet_id = $1 AND id = $2"};

constexpr pg::Query kReserve{"triggers.reserve_request",
                             "INSERT INTO request_log (outlet_id, request_id, method, fingerprint) "
                             "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr pg::Query kReserved{"triggers.reserved_request",
                              "SELECT method, fingerprint, response FROM request_log "
                              "WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kSaveResponse{
    "triggers.save_response",
    "UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2"};

constexpr pg::Query kForgetRequests{
    "triggers.forget_requests",
    "DELETE FROM request_log WHERE (outlet_id, request_id) IN "
    "(SELECT outlet_id, request_id FROM request_log WHERE created_at < $1 LIMIT $2 "
    "FOR UPDATE SKIP LOCKED)"};
constexpr pg::Query kForgetEvents{
    "triggers.forget_events",
    "WITH old AS MATERIALIZED (SELECT e.outlet_id, e.id FROM events e WHERE e.published_at < $1"
    "  AND NOT EXISTS (SELECT 1 FROM steps s WHERE s.outlet_id = e.outlet_id AND s.event_id = e.id"
    "    AND (s.state = 1 OR s.finished_at >= $1)) LIMIT $2 FOR UPDATE SKIP LOCKED),"
    " steps_gone AS (DELETE FROM steps s USING old o"
    "  WHERE s.outlet_id = o.outlet_id AND s.event_id = o.id)"
    " DELETE FROM events e USING old o WHERE e.outlet_id = o.outlet_id AND e.id = o.id"};
constexpr pg::Query kForgetAnswers{
    "triggers.forget_answers",
    "DELETE FROM answers WHERE (outlet_id, inbound_id) IN "
    "(SELECT outlet_id, inbound_id FROM answers WHERE stored_at < $1 AND recorded_at IS NOT NULL "
    "LIMIT $2 FOR UPDATE SKIP LOCKED)"};

Automation AutomationOf(const pqxx::row& row) {
  return {.id = pg::TextField(row[0]),
          .name = pg::TextField(row[1]),
          .event_type = static_cast<EventType>(row[2].as<int>()),
          .template_id = pg::TextField(row[3]),
          .sender_id = pg::TextField(row[4]),
          .delay = absl::Seconds(row[5].as<std::int64_t>()),
          .enabled = row[6].as<bool>(),
          .extra_variables = pg::TextArrayField(row[9]),
          .create_time = pg::TimeField(row[7]),
          .update_time = pg::TimeField(row[8])};
}

absl::Status NotFound(absl::string_view id) {
  return base::Error(absl::StatusCode::kNotFound, "AUTOMATION_NOT_FOUND",
                     absl::StrCat("this outlet has no automation ", id,
                                  ": list its automations to see which there are"));
}

class PgUnit : public Store::Unit {
 public:
  PgUnit(pg::Transaction& tx, const std::string& outlet) : tx_(tx), outlet_(outlet) {}

  absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
      const std::string& request_id, const rpc::RequestRecord& mine) override {
    const pqxx::result reserved =
        tx_.Exec(kReserve, outlet_, request_id, mine.method, pg::Bytes(mine.fingerprint));
    if (reserved.affected_rows() == 1) return std::optional<rpc::RequestRecord>();
    const pqxx::row row = tx_.ExecOne(kReserved, outlet_, request_id);
    return std::optional<rpc::RequestRecord>(
        {pg::TextField(row[0]), pg::BytesField(row[1]), pg::BytesField(row[2])});
  }
  absl::Status SaveResponse(const std::string& request_id, const std::string& response) override {
    tx_.Exec(kSaveResponse, outlet_, request_id, pg::Bytes(response));
    return absl::OkStatus();
  }

  absl::Status Insert(const Automation& added) override {
    tx_.Exec(kInsert, outlet_, added.id, added.name, static_cast<int>(added.event_type),
             added.template_id, added.sender_id, absl::ToInt64Seconds(added.delay), added.enabled,
             added.create_time, pg::TextArray(added.extra_variables));
    return absl::OkStatus();
  }
  absl::StatusOr<Automation> Lock(const std::string& id) override {
    const std::optional<pqxx::row> row = tx_.ExecMaybe(kLock, outlet_, id);
    if (!row) return NotFound(id);
    return AutomationOf(*row);
  }
  absl::Status Save(const Automation& changed) override {
    tx_.Exec(kSave, outlet_, changed.id, changed.name, static_cast<int>(changed.event_type),
             changed.template_id, changed.sender_id, absl::ToInt64Seconds(changed.delay),
             changed.enabled, changed.update_time, pg::TextArray(changed.extra_variables));
    return absl::OkStatus();
  }
  absl::Status Delete(const std::string& id, absl::Time now) override {
    tx_.Exec(kDelete, outlet_, id, now);
    return absl::OkStatus();
  }

 private:
  pg::Transaction& tx_;
  const std::string& outlet_;
};

pg::TransactOptions ReadOnly(absl::Time deadline) {
  return {.deadline = deadline, .read_only = true};
}

absl::StatusOr<std::int64_t> Forget(pg::Pool& pool, const pg::Query& query, absl::Time before,
                                    int limit, absl::Time deadline) {
  std::int64_t forgotten = 0;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool, query.name, deadline, [&](pg::Transaction& tx) -> absl::Status {
        forgotten = static_cast<std::int64_t>(tx.Exec(query, before, limit).affected_rows());
        return absl::OkStatus();
      }));
  return forgotten;
}

}  // namespace

absl::Status PgStore::Write(const std::string& outlet, absl::string_view operation,
                            absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) {
  return pg::Transact(pool_, operation, {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        PgUnit unit(tx, outlet);
                        return work(unit);
                      });
}

absl::StatusOr<Automation> PgStore::GetAutomation(const std::string& outlet, const std::string& id,
                                                  absl::Time deadline) {
  Automation found;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetAutomation", ReadOnly(deadline),
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       const auto row = tx.ExecMaybe(kGet, outlet, id);
                                       if (!row) return NotFound(id);
                                       found = AutomationOf(*row);
                                       return absl::OkStatus();
                                     }));
  return found;
}

absl::StatusOr<std::vector<Automation>> PgStore::ListAutomations(const std::string& outlet,
                                                                 const PageStart& after, int limit,
                                                                 absl::Time deadline) {
  std::vector<Automation> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListAutomations", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kList, outlet, after.time, after.id, limit)) {
          found.push_back(AutomationOf(row));
        }
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::int64_t> PgStore::ForgetRequests(absl::Time before, int limit,
                                                     absl::Time deadline) {
  return Forget(pool_, kForgetRequests, before, limit, deadline);
}

absl::StatusOr<std::int64_t> PgStore::ForgetEvents(absl::Time before, int limit,
                                                   absl::Time deadline) {
  return Forget(pool_, kForgetEvents, before, limit, deadline);
}

absl::StatusOr<std::int64_t> PgStore::ForgetAnswers(absl::Time before, int limit,
                                                    absl::Time deadline) {
  return Forget(pool_, kForgetAnswers, before, limit, deadline);
}

}  // namespace kabar::triggers
