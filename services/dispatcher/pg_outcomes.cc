// How attempts ended, as the workers saw it.
#include <algorithm>
#include <map>
#include <pqxx/result>
#include <set>

#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_failures.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_media.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

void Apply(LedgerBatch& batch, const Outcome& outcome) {
  LedgerRow* row = batch.Find(outcome.message_id);
  if (row == nullptr || outcome.attempt < 1 || outcome.attempt > row->attempt) {
    static log::Throttle throttle(absl::Seconds(10));
    log::Error(throttle, "outcome of an attempt that the ledger does not know",
               {{"message_id", outcome.message_id}, {"attempt", outcome.attempt}});
    return;
  }
  AttemptMove move{.provider_id = outcome.provider_id,
                   .reason = outcome.reason,
                   .retry = outcome.retry,
                   .render_again = outcome.render_again,
                   .not_before = outcome.not_before};
  if (outcome.started_at > absl::InfinitePast()) move.started_at = outcome.started_at;
  batch.MoveAttempt(*row, outcome.attempt, outcome.state, move);
}

// By what is asked after: few, and young.
constexpr pg::Query kClaimNamed{
    "dispatcher.claim_named",
    "SELECT message_ids, attempts FROM claims WHERE portfolio_id = $1"
    " AND claimed_at > clock_timestamp() - interval '1 hour' AND worker = $2"};

// The attempts of outcomes that name their claim instead; those of claims that came to nothing are
// left out. The messages are locked: a claim of them that was still committing has ended, this way
// or that.
std::vector<Outcome> FindAttempts(pg::Transaction& tx, LedgerBatch& batch,
                                  const std::vector<Outcome>& outcomes) {
  std::vector<Outcome> known;
  std::map<std::string, std::map<std::string, std::int32_t>> claims;  // name -> id -> attempt
  for (const Outcome& outcome : outcomes) {
    known.push_back(outcome);
    if (outcome.claim.empty()) continue;
    known.pop_back();
    const LedgerRow* row = batch.Find(outcome.message_id);
    if (row == nullptr) continue;
    const auto [claim, asked] = claims.try_emplace(outcome.claim);
    if (asked) {
      for (const pqxx::row& found :
           tx.Exec(kClaimNamed, row->lane->lane.portfolio_id, outcome.claim)) {
        const std::vector<std::string> ids = pg::TextArrayField(found[0]);
        const std::vector<std::int64_t> attempts = pg::BigintArrayField(found[1]);
        for (std::size_t i = 0; i < ids.size(); ++i) {
          claim->second[ids[i]] = static_cast<std::int32_t>(attempts[i]);
        }
      }
    }
    const auto started = claim->second.find(outcome.message_id);
    if (started == claim->second.end()) continue;
    known.push_back(outcome);
    known.back().attempt = started->second;
  }
  return known;
}

}  // namespace

absl::StatusOr<std::vector<Store::Requeued>> PgStore::RecordOutcomes(
    const std::vector<Outcome>& given, absl::Time deadline) {
  std::vector<Requeued> requeued;
  if (given.empty()) return requeued;
  std::vector<std::string> ids;
  std::vector<std::string> pausing;
  bool in_doubt = false;
  std::set<std::string> lanes;
  bool lanes_known = true;
  for (const Outcome& outcome : given) {
    lanes.insert(outcome.lane_id);
    lanes_known &= !outcome.lane_id.empty();
    in_doubt |= !outcome.claim.empty();
    ids.push_back(outcome.message_id);
    if (outcome.action == OutcomeAction::kPauseLane) pausing.push_back(outcome.message_id);
  }
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "RecordOutcomes", {.deadline = deadline, .attempts = 5},
      [&](pg::Transaction& tx) -> absl::Status {
        LedgerBatch batch;
        batch.Load(tx, ids, pausing, lanes_known ? lanes : std::set<std::string>());
        std::vector<Outcome> found;
        if (in_doubt) found = FindAttempts(tx, batch, given);
        const std::vector<Outcome>& outcomes = in_doubt ? found : given;
        // The outcome of the attempt that is SENDING needs no look at earlier ones: a webhook that
        // came first, or an earlier attempt that was accepted, would have moved the message on.
        std::vector<LedgerRow*> moved_on;
        for (const Outcome& outcome : outcomes) {
          LedgerRow* row = batch.Find(outcome.message_id);
          if (row == nullptr || std::count(moved_on.begin(), moved_on.end(), row) > 0) continue;
          if (row->state != MessageState::kSending || row->attempt != outcome.attempt) {
            moved_on.push_back(row);
          }
        }
        batch.LoadEarlierAttempts(tx, moved_on);
        for (const Outcome& outcome : outcomes) Apply(batch, outcome);
        LedgerEvents events;
        batch.Save(tx, events);
        for (const Outcome& outcome : outcomes) {
          const LedgerRow* row = batch.Find(outcome.message_id);
          if (row == nullptr) continue;
          const absl::Time started = outcome.started_at > absl::InfinitePast()
                                         ? outcome.started_at
                                         : row->claimed_at.value_or(absl::Now());
          ActOnFailure(tx, batch.FindLane(row->lane->lane.id)->lane, row->recipient_id,
                       outcome.action, outcome.reason, started, events);
          if (!outcome.lost_media_id.empty()) {
            ForgetMediumId(tx, row->lane->lane.sender_id, outcome.lost_media_id);
          }
        }
        requeued = batch.requeued();
        return events.Append(tx);
      }));
  return requeued;
}

}  // namespace kabar::dispatcher
