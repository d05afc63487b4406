#include "services/dispatcher/pg_store.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"

namespace kabar::dispatcher {
namespace {

// What an automation may plan lies at most an event's year and a delay of a year behind its ids.
constexpr int kDaysBack = 800;
constexpr int kDaysAhead = 400;

constexpr pg::Query kLockPartitions{"dispatcher.lock_partitions",
                                    "SELECT pg_advisory_xact_lock(hashtextextended("
                                    "'kabar.dispatcher.partitions', 0))"};
constexpr pg::Query kDayDeleted{"dispatcher.day_deleted",
                                "SELECT EXISTS (SELECT 1 FROM deleted_days WHERE day = $1::date)"};
constexpr pg::Query kPartitionThere{"dispatcher.partition_there",
                                    "SELECT to_regclass($1) IS NOT NULL"};

// ATTACH locks the parent against other DDL only, where CREATE ... PARTITION OF would stop all
// reading and writing of the ledger. Most of each page stays free: the messages on a page are
// claimed together and their outcomes written a moment later, while older transactions still run
// and nothing can be pruned; so a page holds all three versions of its rows, and every update is
// heap-only (measured: with 45% filled the outcomes write 853 bytes of WAL a message, with 30%
// 208).
std::string PartitionSql(const std::string& suffix, const std::string& day) {
  std::string sql;
  for (const char* table : {"messages", "attempts"}) {
    absl::StrAppend(&sql, "CREATE TABLE ", table, "_", suffix, " (LIKE ", table,
                    " INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 30);",
                    "ALTER TABLE ", table, " ATTACH PARTITION ", table, "_", suffix,
                    " FOR VALUES IN ('", day, "');");
  }
  return sql;
}

// Reason: LEDGER_DAY_DELETED.
absl::Status WasDeleted(const std::string& day) {
  return base::WithMeta(
      base::Error(
          absl::StatusCode::kFailedPrecondition, "LEDGER_DAY_DELETED",
          absl::StrCat("the ids begin with the date ", day,
                       ", whose messages were deleted for their age (--message-retention): ",
                       "nobody knows any more which of them were sent")),
      "day", day);
}

}  // namespace

std::string WithPlannerSettings(const std::string& connection) {
  const std::string settings =
      "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
      " -c enable_material=off";
  if (absl::StartsWith(connection, "postgresql://") ||
      absl::StartsWith(connection, "postgres://")) {
    return absl::StrCat(connection, absl::StrContains(connection, "?") ? "&" : "?",
                        "options=", absl::StrReplaceAll(settings, {{" ", "%20"}, {"=", "%3D"}}));
  }
  return absl::StrCat(connection, " options='", settings, "'");
}

absl::Status PgStore::EnsureDay(absl::CivilDay day, absl::Time deadline) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (days_.count(day) > 0) return absl::OkStatus();
  }
  const absl::CivilDay today(absl::ToCivilDay(absl::Now(), absl::UTCTimeZone()));
  const std::string text = DayText(day);
  if (day < today - kDaysBack || day > today + kDaysAhead) {
    return base::InvalidField(
        "messages", absl::StrCat("the ids begin with the date ", text, ", more than ",
                                 day < today ? kDaysBack : kDaysAhead, " days from today"));
  }
  const std::string suffix = absl::StrReplaceAll(text, {{"-", ""}});
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "EnsureDay", {.deadline = deadline, .attempts = 3},
                   [&](pg::Transaction& tx) -> absl::Status {
                     tx.ExecOne(kLockPartitions);
                     if (tx.ExecOne(kPartitionThere, "messages_" + suffix)[0].as<bool>()) {
                       return absl::OkStatus();
                     }
                     if (tx.ExecOne(kDayDeleted, text)[0].as<bool>()) return WasDeleted(text);
                     tx.ExecScript("dispatcher.create_partition", PartitionSql(suffix, text));
                     return absl::OkStatus();
                   }));
  std::lock_guard<std::mutex> lock(mutex_);
  days_.insert(day);
  return absl::OkStatus();
}

absl::Status PgStore::DayGone(absl::CivilDay day, const absl::Status& failed, absl::Time deadline) {
  if (pg::SqlState(failed) != "23514") return failed;  // no partition takes it, or a CHECK refused
  const std::string text = DayText(day);
  const std::string partition = absl::StrCat("messages_", absl::StrReplaceAll(text, {{"-", ""}}));
  bool there = false;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "DayGone", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       there = tx.ExecOne(kPartitionThere, partition)[0].as<bool>();
                                       return absl::OkStatus();
                                     }));
  if (there) return failed;
  ForgetDay(day);
  return WasDeleted(text);
}

void PgStore::ForgetDay(absl::CivilDay day) {
  std::lock_guard<std::mutex> lock(mutex_);
  days_.erase(day);
}

}  // namespace kabar::dispatcher
