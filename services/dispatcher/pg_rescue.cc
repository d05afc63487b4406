// What the keeper does for attempts of which nobody tells how they ended, and the tidying up.
#include <pqxx/result>
#include <set>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr int kMaxPasses = 50;

constexpr pg::Query kExpiredClaims{
    "dispatcher.expired_claims",
    "SELECT id, message_ids, attempts FROM claims"
    " WHERE NOT rescued AND lease_until < clock_timestamp() ORDER BY lease_until"
    " LIMIT $1::bigint FOR UPDATE SKIP LOCKED"};
// Nearly all have ended long ago: those are neither locked nor touched.
constexpr pg::Query kStillSending{
    "dispatcher.still_sending",
    "SELECT id FROM messages WHERE day = $1::date AND id = ANY($2::text[]) AND state = 2"};
constexpr pg::Query kMarkRescued{"dispatcher.mark_rescued",
                                 "UPDATE claims SET rescued = true WHERE id = ANY($1::bigint[])"};

// Evidence: statuses come (of a request later than this one), and everything that came until the
// end of the window is applied. A lane that is over sends nothing: its UNKNOWN messages stay so.
constexpr pg::Query kSettleable{
    "dispatcher.settleable",
    "SELECT u.message_id, u.attempt FROM unknowns u"
    " JOIN lanes l ON l.id = u.lane_id JOIN sender_evidence e ON e.sender_id = u.sender_id"
    " WHERE NOT u.for_person AND u.since <= clock_timestamp() - $1::bigint * interval '1 "
    "millisecond'"
    "  AND l.state IN (1, 2) AND e.send_answered > u.sent_by"
    "  AND NOT EXISTS (SELECT 1 FROM webhook_journal j WHERE j.applied < j.size"
    "   AND j.received_at <= u.since + $1::bigint * interval '1 millisecond')"
    " ORDER BY u.since LIMIT $2::bigint"};

// Bounded, so that none holds locks or the disk for long.
constexpr pg::Query kTrimJournal{
    "dispatcher.trim_journal",
    "DELETE FROM webhook_journal WHERE id IN (SELECT id FROM webhook_journal"
    " WHERE applied = size AND received_at < now() - $1::bigint * interval '1 second'"
    " ORDER BY id LIMIT 5000)"};
constexpr pg::Query kTrimClaims{
    "dispatcher.trim_claims",
    "DELETE FROM claims WHERE id IN (SELECT id FROM claims"
    " WHERE rescued AND claimed_at < now() - interval '26 hours' ORDER BY id LIMIT 5000)"};
constexpr pg::Query kTrimRequests{
    "dispatcher.trim_requests",
    "DELETE FROM request_log WHERE created_at < now() - interval '24 hours'"};
constexpr pg::Query kTrimWindows{
    "dispatcher.trim_windows",
    "DELETE FROM windows WHERE last_inbound_at < now() - interval '25 hours'"};
// Whose names are made of a person's values too; a message that names it again brings it back.
constexpr pg::Query kTrimUploads{
    "dispatcher.trim_media_uploads",
    "DELETE FROM media_uploads WHERE (sender_id, name) IN (SELECT sender_id, name"
    " FROM media_uploads WHERE used_at < now() - interval '31 days' LIMIT 10000"
    " FOR UPDATE SKIP LOCKED)"};
constexpr pg::Query kTrimSuppressions{"dispatcher.trim_suppressions",
                                      "DELETE FROM suppressions WHERE until < now()"};

std::vector<std::string> StillSending(pg::Transaction& tx, const std::vector<std::string>& ids) {
  std::vector<std::string> sending;
  for (const auto& [day, of_day] : ByDay(ids)) {
    for (const pqxx::row& row : tx.Exec(kStillSending, day, pg::TextArray(of_day))) {
      sending.push_back(pg::TextField(row[0]));
    }
  }
  return sending;
}

// One transaction's worth. `full`: there may be more.
absl::StatusOr<std::int64_t> RescueClaims(pg::Pool& pool, int max_claims, bool& full,
                                          absl::Time deadline) {
  std::int64_t rescued = 0;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool, "RescueExpired", {.deadline = deadline, .attempts = 5},
                   [&](pg::Transaction& tx) -> absl::Status {
                     rescued = 0;
                     const pqxx::result claims = tx.Exec(kExpiredClaims, max_claims);
                     full = static_cast<int>(claims.size()) == max_claims;
                     if (claims.empty()) return absl::OkStatus();
                     std::vector<std::string> ids;
                     std::vector<std::int64_t> attempts;
                     pg::ArrayBuilder claim_ids;
                     for (const pqxx::row& claim : claims) {
                       claim_ids.Add(claim[0].as<std::int64_t>());
                       for (std::string& id : pg::TextArrayField(claim[1]))
                         ids.push_back(std::move(id));
                       for (const std::int64_t a : pg::BigintArrayField(claim[2]))
                         attempts.push_back(a);
                     }
                     LedgerBatch batch;
                     batch.Load(tx, StillSending(tx, ids));
                     std::vector<LedgerRow*> expired;
                     for (std::size_t i = 0; i < ids.size(); ++i) {
                       LedgerRow* row = batch.Find(ids[i]);
                       if (row != nullptr && row->state == MessageState::kSending &&
                           row->attempt == attempts[i]) {
                         expired.push_back(row);
                       }
                     }
                     batch.LoadEarlierAttempts(tx, expired);
                     for (LedgerRow* row : expired) {
                       batch.MoveAttempt(*row, row->attempt, AttemptState::kAmbiguous,
                                         {.reason = "LEASE_EXPIRED"});
                     }
                     rescued = batch.changes();
                     tx.Exec(kMarkRescued, std::move(claim_ids).Finish());
                     LedgerEvents events;
                     batch.Save(tx, events);
                     return events.Append(tx);
                   }));
  return rescued;
}

}  // namespace

// Most claims have ended long before their leases: those are passed over at once, or a busy morning
// would make more of them than rounds could look at.
absl::StatusOr<std::int64_t> PgStore::RescueExpired(int max_claims, absl::Time deadline) {
  std::int64_t rescued = 0;
  bool full = true;
  for (int pass = 0; full && rescued == 0 && pass < kMaxPasses; ++pass) {
    KABAR_ASSIGN_OR_RETURN(rescued, RescueClaims(pool_, max_claims, full, deadline));
  }
  return rescued;
}

absl::StatusOr<std::vector<Store::Requeued>> PgStore::SettleUnknown(absl::Duration window, int max,
                                                                    absl::Time deadline) {
  std::vector<Requeued> requeued;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "SettleUnknown", {.deadline = deadline, .attempts = 5},
      [&](pg::Transaction& tx) -> absl::Status {
        requeued.clear();
        const pqxx::result rows = tx.Exec(kSettleable, absl::ToInt64Milliseconds(window), max);
        if (rows.empty()) return absl::OkStatus();
        std::vector<std::string> ids;
        for (const pqxx::row& row : rows) ids.push_back(pg::TextField(row[0]));
        LedgerBatch batch;
        batch.Load(tx, ids);
        for (const pqxx::row& row : rows) {
          LedgerRow* message = batch.Find(pg::TextField(row[0]));
          if (message == nullptr || message->state != MessageState::kUnknown ||
              message->attempt != row[1].as<std::int32_t>() ||
              (message->lane->lane.state != LaneState::kRunning &&
               message->lane->lane.state != LaneState::kPaused) ||
              message->lane->past_end) {
            continue;
          }
          ++message->resends;
          batch.ChangeState(*message, MessageState::kQueued, "RESEND");
        }
        LedgerEvents events;
        batch.Save(tx, events);
        requeued = batch.requeued();
        return events.Append(tx);
      }));
  return requeued;
}

absl::StatusOr<std::int64_t> PgStore::Trim(absl::Duration journal_retention, absl::Time deadline) {
  std::int64_t deleted = 0;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "Trim", {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        deleted = static_cast<std::int64_t>(
            tx.Exec(kTrimJournal, absl::ToInt64Seconds(journal_retention)).affected_rows() +
            tx.Exec(kTrimClaims).affected_rows() + tx.Exec(kTrimRequests).affected_rows() +
            tx.Exec(kTrimWindows).affected_rows() + tx.Exec(kTrimSuppressions).affected_rows() +
            tx.Exec(kTrimUploads).affected_rows());
        return absl::OkStatus();
      }));
  return deleted;
}

}  // namespace kabar::dispatcher
