// What metrics show of the ledger: all of it from low-water marks, partial indexes and one-row
// tables, none of it by reading messages through.
#include <pqxx/result>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

// At most so many rows are counted of what is normally few.
#define KABAR_COUNT_FEW(rows) "(SELECT count(*) FROM (SELECT 1 FROM " rows " LIMIT 100000) x)"

constexpr pg::Query kFigures{
    "dispatcher.figures",
    "SELECT " KABAR_COUNT_FEW("unknowns") ", " KABAR_COUNT_FEW(
        "dead_letters WHERE state IN (1, 2)") ", " KABAR_COUNT_FEW("lanes WHERE state IN (3, 4)"
                                                                   " AND NOT drained") ", "
        "(SELECT COALESCE(sum(size - applied), 0) FROM (SELECT size, applied FROM webhook_journal"
        " WHERE applied < size LIMIT 100000) x),"
    " COALESCE((SELECT extract(epoch FROM clock_timestamp() - received_at) FROM webhook_journal"
    "   WHERE applied < size ORDER BY id LIMIT 1), 0)::float8, " KABAR_COUNT_FEW(
        "outbox WHERE number IS NULL") ","
    " COALESCE((SELECT extract(epoch FROM clock_timestamp() - created_at) FROM outbox"
    "   WHERE number IS NULL ORDER BY id LIMIT 1), 0)::float8"};
constexpr pg::Query kConsumers{"dispatcher.figures_consumers",
                               "SELECT c.name, GREATEST(0, p.next_number - 1 - c.position)"
                               " FROM event_consumers c CROSS JOIN event_publisher p"};
// The first one QUEUED and due of each lane that may send; since when it could go.
constexpr pg::Query kOldestDue{
    "dispatcher.figures_oldest_due",
    "SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - x.since)), 0)::float8"
    " FROM lane_days d JOIN lanes l ON l.id = d.lane_id JOIN senders s ON s.id = l.sender_id"
    " CROSS JOIN LATERAL ("
    "   SELECT GREATEST(m.created_at, m.not_before, m.claimed_at) AS since FROM messages m"
    "   WHERE m.day = d.day AND m.lane_id = d.lane_id AND m.seq >= d.low_seq AND m.state = 1"
    "    AND COALESCE(m.not_before <= clock_timestamp(), true) ORDER BY m.seq LIMIT 1) x"
    " WHERE d.open AND l.state = 1 AND s.state = 1"
    "  AND NOT " KABAR_IS_HELD(
        "'lane/' || l.id, 'sender/' || l.sender_id, 'outlet/' || l.outlet_id, 'all'")};

}  // namespace

absl::StatusOr<LedgerFigures> PgStore::ReadFigures(absl::Time deadline) {
  LedgerFigures figures;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ReadFigures", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     figures = {};
                     const pqxx::row row = tx.ExecOne(kFigures);
                     figures.unknown = row[0].as<std::int64_t>();
                     figures.dead_letters = row[1].as<std::int64_t>();
                     figures.ending_lanes = row[2].as<std::int64_t>();
                     figures.journal_waiting = row[3].as<std::int64_t>();
                     figures.journal_oldest_s = row[4].as<double>();
                     figures.outbox_unnumbered = row[5].as<std::int64_t>();
                     figures.outbox_oldest_s = row[6].as<double>();
                     for (const pqxx::row& consumer : tx.Exec(kConsumers)) {
                       figures.consumers_behind.emplace_back(pg::TextField(consumer[0]),
                                                             consumer[1].as<std::int64_t>());
                     }
                     figures.oldest_due_s = tx.ExecOne(kOldestDue)[0].as<double>();
                     return absl::OkStatus();
                   }));
  return figures;
}

}  // namespace kabar::dispatcher
