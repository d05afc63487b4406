// What is deleted for its age.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kDays{
    "dispatcher.ledger_days",
    "SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'messages'::regclass ORDER BY 1"};
constexpr pg::Query kDayNeeded{
    "dispatcher.ledger_day_needed",
    "SELECT EXISTS (SELECT 1 FROM lane_days d JOIN lanes l ON l.id = d.lane_id"
    "    WHERE d.day = $1::date AND (l.state IN (1, 2) AND d.open"
    "      OR l.state IN (3, 4) AND NOT l.drained))"
    " OR EXISTS (SELECT 1 FROM requeued r JOIN lanes l ON l.id = r.lane_id"
    "    WHERE r.day = $1::date AND l.state IN (1, 2))"
    " OR EXISTS (SELECT 1 FROM unknowns u JOIN lanes l ON l.id = u.lane_id"
    "    WHERE u.day = $1::date AND l.state IN (1, 2))"
    " OR EXISTS (SELECT 1 FROM messages WHERE day = $1::date AND updated_at >= $2)"};
constexpr pg::Query kMarkLanes{"dispatcher.mark_lanes_rows_deleted",
                               "UPDATE lanes SET rows_deleted = true WHERE id IN"
                               " (SELECT lane_id FROM lane_days WHERE day = $1::date)"
                               " AND NOT rows_deleted"};
constexpr pg::Query kForgetDays{"dispatcher.forget_lane_days",
                                "DELETE FROM lane_days WHERE day = $1::date"};
constexpr pg::Query kForgetRequeued{"dispatcher.forget_requeued",
                                    "DELETE FROM requeued WHERE day = $1::date"};
constexpr pg::Query kForgetUnknowns{"dispatcher.forget_unknowns",
                                    "DELETE FROM unknowns WHERE day = $1::date"};
constexpr pg::Query kNoteDeleted{"dispatcher.note_deleted_day",
                                 "INSERT INTO deleted_days (day) VALUES ($1::date)"
                                 " ON CONFLICT (day) DO NOTHING"};
constexpr pg::Query kDeleteInbound{
    "dispatcher.delete_inbound",
    "DELETE FROM inbound WHERE provider_id IN (SELECT provider_id FROM inbound"
    " WHERE received_at < $1 LIMIT $2::bigint FOR UPDATE SKIP LOCKED)"};
constexpr pg::Query kDeleteLetters{
    "dispatcher.delete_letters",
    "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE state IN (3, 4)"
    " AND COALESCE(handled_at, created_at) < $1 ORDER BY id LIMIT $2::bigint"
    " FOR UPDATE SKIP LOCKED)"};

constexpr absl::Duration kLongLook = absl::Minutes(10);

std::string Suffix(absl::CivilDay day) { return absl::StrReplaceAll(DayText(day), {{"-", ""}}); }

// From here on nobody writes into the day. Who works on the ledger is not waited for longer than a
// claim can bear (`hold`), but at the next round; so it is with every lock of this transaction.
std::string CloseSql(absl::CivilDay day) {
  return absl::StrCat("SET LOCAL lock_timeout = '200ms'; LOCK TABLE messages_", Suffix(day),
                      " IN SHARE MODE");
}

// Takes the whole ledger's lock for a moment.
std::string DropSql(absl::CivilDay day) {
  return absl::StrCat("DROP TABLE messages_", Suffix(day), "; DROP TABLE attempts_", Suffix(day));
}

bool IsNeeded(pg::Transaction& tx, absl::CivilDay day, absl::Time quiet_since) {
  return tx.ExecOne(kDayNeeded, DayText(day), quiet_since)[0].as<bool>();
}

absl::StatusOr<std::int64_t> Delete(pg::Pool& pool, const char* name, const pg::Query& query,
                                    absl::Time before, int limit, absl::Time deadline) {
  std::int64_t rows = 0;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool, name, {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        rows = static_cast<std::int64_t>(tx.Exec(query, before, limit).affected_rows());
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<absl::CivilDay>> PgStore::ListLedgerDays(absl::Time deadline) {
  std::vector<absl::CivilDay> days;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListLedgerDays",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       days.clear();
                                       for (const pqxx::row& row : tx.Exec(kDays)) {
                                         absl::CivilDay day;
                                         if (absl::ParseCivilTime(row[0].c_str(), &day)) {
                                           days.push_back(day);
                                         }
                                       }
                                       return absl::OkStatus();
                                     }));
  return days;
}

absl::StatusOr<bool> PgStore::DeleteLedgerDay(absl::CivilDay day, absl::Time quiet_since,
                                              absl::Time deadline) {
  // The long look at every row without a lock; it also brings them into memory for the second one.
  bool needed = false;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "IsLedgerDayNeeded",
                                     {.deadline = absl::Now() + kLongLook, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       needed = IsNeeded(tx, day, quiet_since);
                                       return absl::OkStatus();
                                     }));
  if (needed) return false;
  bool deleted = false;
  const absl::Status status = pg::Transact(
      pool_, "DeleteLedgerDay", {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        deleted = false;
        const std::string text = DayText(day);
        tx.ExecScript("dispatcher.close_ledger_day", CloseSql(day));
        if (IsNeeded(tx, day, quiet_since)) return absl::OkStatus();
        tx.Exec(kMarkLanes, text);
        tx.Exec(kForgetDays, text);
        tx.Exec(kForgetRequeued, text);
        tx.Exec(kForgetUnknowns, text);
        tx.Exec(kNoteDeleted, text);
        tx.ExecScript("dispatcher.drop_ledger_day", DropSql(day));
        deleted = true;
        return absl::OkStatus();
      });
  if (pg::SqlState(status) == "55P03") return false;  // the ledger is at work
  KABAR_RETURN_IF_ERROR(status);
  if (deleted) ForgetDay(day);
  return deleted;
}

absl::StatusOr<std::int64_t> PgStore::DeleteInbound(absl::Time before, int limit,
                                                    absl::Time deadline) {
  return Delete(pool_, "DeleteInbound", kDeleteInbound, before, limit, deadline);
}

absl::StatusOr<std::int64_t> PgStore::DeleteLetters(absl::Time before, int limit,
                                                    absl::Time deadline) {
  return Delete(pool_, "DeleteLetters", kDeleteLetters, before, limit, deadline);
}

}  // namespace kabar::dispatcher
