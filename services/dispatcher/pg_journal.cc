#include "services/dispatcher/pg_journal.h"

#include <algorithm>
#include <map>
#include <pqxx/result>
#include <utility>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kAppend{"dispatcher.append_webhooks",
                            "INSERT INTO webhook_journal (received_at, bodies, size)"
                            " VALUES ($1, $2::bytea[], $3::int)"};
// Whole rows, until so many webhooks are reached; a line each, for an array as text costs twice
// that.
constexpr pg::Query kReadJournal{
    "dispatcher.read_journal",
    "SELECT x.id, u.place - 1, x.received_at, u.body, x.dead_letter_id FROM (SELECT *,"
    "   sum(size - applied) OVER (ORDER BY id) - (size - applied) AS before FROM"
    "   (SELECT * FROM webhook_journal WHERE applied < size ORDER BY id LIMIT 200) w) x"
    " CROSS JOIN LATERAL unnest(x.bodies) WITH ORDINALITY AS u(body, place)"
    " WHERE x.before < $1::bigint AND u.place > x.applied ORDER BY x.id, u.place"};
constexpr pg::Query kLockJournal{"dispatcher.lock_journal",
                                 "SELECT id, applied FROM webhook_journal"
                                 " WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"};
constexpr pg::Query kMarkApplied{
    "dispatcher.mark_applied",
    "UPDATE webhook_journal SET applied = ($2::bigint[])[array_position($1::bigint[], id)]"
    " WHERE id = ANY($1::bigint[])"};

std::string RowsOf(const std::vector<JournalPart>& parts) {
  pg::ArrayBuilder ids;
  for (const JournalPart& part : parts) ids.Add(part.id);
  return std::move(ids).Finish();
}

}  // namespace

absl::Status LockJournal(pg::Transaction& tx, const std::vector<JournalPart>& parts) {
  std::map<std::int64_t, std::int32_t> applied;
  for (const pqxx::row& row : tx.Exec(kLockJournal, RowsOf(parts))) {
    applied[row[0].as<std::int64_t>()] = row[1].as<std::int32_t>();
  }
  const bool as_read = std::all_of(parts.begin(), parts.end(), [&](const JournalPart& part) {
    const auto row = applied.find(part.id);
    return row != applied.end() && row->second == part.first;
  });
  if (as_read) return absl::OkStatus();
  return base::Error(absl::StatusCode::kAborted, "JOURNAL_MOVED_ON",
                     "another process applied these webhooks; read the journal anew");
}

void MarkApplied(pg::Transaction& tx, const std::vector<JournalPart>& parts) {
  pg::ArrayBuilder ends;
  for (const JournalPart& part : parts) ends.Add(part.end);
  tx.Exec(kMarkApplied, RowsOf(parts), std::move(ends).Finish());
}

absl::Status PgStore::AppendWebhooks(const std::vector<JournalEntry>& payloads,
                                     absl::Time deadline) {
  if (payloads.empty()) return absl::OkStatus();
  absl::Time first = absl::InfiniteFuture();
  pg::ArrayBuilder bodies;
  for (const JournalEntry& payload : payloads) {
    first = std::min(first, payload.received_at);
    bodies.AddBytes(payload.body);
  }
  const std::string body_array = std::move(bodies).Finish();
  return pg::Transact(pool_, "AppendWebhooks", {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        tx.Exec(kAppend, first, body_array,
                                static_cast<std::int64_t>(payloads.size()));
                        tx.NotifyAfterCommit(kWebhookChannel);
                        return absl::OkStatus();
                      });
}

absl::StatusOr<std::vector<JournalEntry>> PgStore::ReadJournal(int limit, absl::Time deadline) {
  std::vector<JournalEntry> entries;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ReadJournal", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     entries.clear();
                     for (const pqxx::row& row : tx.Exec(kReadJournal, limit)) {
                       entries.push_back({.id = row[0].as<std::int64_t>(),
                                          .place = row[1].as<std::int32_t>(),
                                          .received_at = pg::TimeField(row[2]),
                                          .body = pg::BytesField(row[3]),
                                          .dead_letter_id = pg::OptIntField(row[4]).value_or(0)});
                     }
                     return absl::OkStatus();
                   }));
  return entries;
}

}  // namespace kabar::dispatcher
