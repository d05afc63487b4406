// The record in PostgreSQL (schema `dispatcher`): implements both halves of the seam. Its SQL
// stands in pg_*.cc by topic; only they include libpqxx.
//
// Order of locks in every transaction, so that none deadlock: lanes (by id), lane_days (by lane and
// day), messages (by day and id), the rest, and last the outbox row. Whoever changes a message
// holds its lane FOR SHARE; whoever changes a lane's state holds it FOR UPDATE, so that each of
// them sees the whole effect of the other.
//
// Thread safety, blocking, errors: store.h and admin_store.h.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/store.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::dispatcher {

// The connection string with settings that make the planner take the indexes whatever the
// statistics say: a partition is empty when its first statements are planned and holds 100,000 rows
// minutes later.
std::string WithPlannerSettings(const std::string& connection);

// NOTIFY channel: webhooks were appended to the journal.
inline constexpr char kWebhookChannel[] = "dispatcher.webhooks";

class PgStore : public Store, public AdminStore {
 public:
  // The pool's schema is migrated; the pool outlives the store.
  explicit PgStore(pg::Pool& pool) : pool_(pool) {}

  // pg_claims.cc
  absl::StatusOr<StartResult> StartAttempts(const std::string& lane_id,
                                            const std::vector<std::string>& message_ids,
                                            const std::string& worker, absl::Duration lease,
                                            absl::Time deadline) override;
  absl::StatusOr<std::vector<RecipientUse>> ListRecentRecipients(const std::string& portfolio_id,
                                                                 absl::Time deadline) override;

  // pg_links.cc
  absl::StatusOr<std::vector<Linked>> ListUntoldLinks(absl::Time deadline) override;
  absl::Status NoteLinksTold(const std::vector<Linked>& links, absl::Time deadline) override;

  // pg_outcomes.cc
  absl::StatusOr<std::vector<Requeued>> RecordOutcomes(const std::vector<Outcome>& outcomes,
                                                       absl::Time deadline) override;

  // pg_rescue.cc
  absl::StatusOr<std::int64_t> RescueExpired(int max_claims, absl::Time deadline) override;
  absl::StatusOr<std::vector<Requeued>> SettleUnknown(absl::Duration window, int max,
                                                      absl::Time deadline) override;
  absl::StatusOr<std::int64_t> Trim(absl::Duration journal_retention, absl::Time deadline) override;

  // pg_retention.cc
  absl::StatusOr<std::vector<absl::CivilDay>> ListLedgerDays(absl::Time deadline) override;
  absl::StatusOr<bool> DeleteLedgerDay(absl::CivilDay day, absl::Time quiet_since,
                                       absl::Time deadline) override;
  absl::StatusOr<std::int64_t> DeleteInbound(absl::Time before, int limit,
                                             absl::Time deadline) override;
  absl::StatusOr<std::int64_t> DeleteLetters(absl::Time before, int limit,
                                             absl::Time deadline) override;

  // pg_unknowns.cc
  absl::StatusOr<ResolveResult> ResolveUnknown(const std::string& outlet,
                                               const UnknownToResolve& what,
                                               const RequestKey& request,
                                               absl::Time deadline) override;

  // pg_senders.cc
  absl::StatusOr<std::vector<Portfolio>> ListAllPortfolios(absl::Time deadline) override;
  absl::StatusOr<std::vector<Sender>> ListAllSenders(absl::Time deadline) override;
  absl::StatusOr<Portfolio> CreatePortfolio(const Portfolio& portfolio, const RequestKey& request,
                                            absl::Time deadline) override;
  absl::StatusOr<Portfolio> UpdatePortfolio(const std::string& outlet, const std::string& id,
                                            const PortfolioChange& change,
                                            const RequestKey& request,
                                            absl::Time deadline) override;
  absl::StatusOr<std::vector<Portfolio>> ListPortfolios(const std::string& outlet,
                                                        const std::string& after, int limit,
                                                        absl::Time deadline) override;
  absl::StatusOr<Sender> CreateSender(const Sender& sender, const RequestKey& request,
                                      absl::Time deadline) override;
  absl::StatusOr<Sender> UpdateSender(const std::string& outlet, const std::string& id,
                                      const SenderChange& change, const RequestKey& request,
                                      absl::Time deadline) override;
  absl::StatusOr<Sender> GetSender(const std::string& outlet, const std::string& id,
                                   absl::Time deadline) override;
  absl::StatusOr<std::vector<Sender>> ListSenders(const std::string& outlet,
                                                  const std::string& after, int limit,
                                                  absl::Time deadline) override;

  // pg_lanes.cc
  absl::StatusOr<std::vector<Lane>> ListOpenLanes(absl::Time deadline) override;
  absl::StatusOr<Lane> CreateLane(const Lane& lane, absl::Time deadline) override;
  absl::StatusOr<Lane> GetLane(const std::string& outlet, const std::string& id,
                               absl::Time deadline) override;
  absl::StatusOr<std::vector<Lane>> GetLanes(const std::vector<std::string>& ids,
                                             absl::Time deadline) override;
  absl::StatusOr<std::vector<Lane>> ListOpenLanes(const std::string& outlet,
                                                  const std::string& after,
                                                  std::optional<LaneState> state, int limit,
                                                  absl::Time deadline) override;
  absl::StatusOr<std::vector<Lane>> ListOpenLanesOf(const std::string& portfolio_id,
                                                    absl::Time deadline) override;
  absl::StatusOr<Lane> PauseLane(const std::string& outlet, const std::string& id,
                                 const std::string& reason, absl::Time deadline,
                                 const audit::Actor& by = {}) override;
  absl::StatusOr<std::vector<ToldTemplate>> ListTemplateNews(std::int64_t after, int limit,
                                                             absl::Time deadline) override;
  absl::Status ForgetTexts(const std::string& outlet, const std::string& lane_id,
                           absl::Time deadline) override;
  absl::StatusOr<Lane> ResumeLane(const std::string& outlet, const std::string& id,
                                  absl::Time deadline, const audit::Actor& by = {}) override;
  absl::StatusOr<Lane> SetLaneRate(const std::string& outlet, const std::string& id,
                                   const std::optional<base::Rate>& rate, absl::Time deadline,
                                   const audit::Actor& by = {}) override;
  absl::StatusOr<Lane> FinishLane(const std::string& outlet, const std::string& id,
                                  absl::Time deadline) override;

  // pg_pauses.cc
  absl::StatusOr<Sending> PauseSending(const std::string& outlet, const SendingTarget& target,
                                       const std::string& reason, const RequestKey& request,
                                       absl::Time deadline) override;
  absl::StatusOr<Sending> ResumeSending(const std::string& outlet, const SendingTarget& target,
                                        const std::string& reason, const RequestKey& request,
                                        absl::Time deadline) override;
  absl::StatusOr<Sending> GetSending(const std::string& outlet, const SendingTarget& target,
                                     absl::Time deadline) override;
  absl::StatusOr<std::vector<SendingPause>> ListPauses(const std::string& outlet,
                                                       const SendingTarget& target,
                                                       absl::Time deadline) override;

  // pg_lane_ends.cc
  absl::StatusOr<Lane> CancelLane(const std::string& outlet, const std::string& id,
                                  absl::Time deadline, const audit::Actor& by = {}) override;
  absl::StatusOr<RetryResult> RetryFailed(const std::string& outlet, const std::string& id,
                                          const RequestKey& request, absl::Time deadline) override;
  absl::StatusOr<LanePass> ExpireLanes(absl::Time deadline) override;
  absl::StatusOr<LanePass> DrainLanes(absl::Time deadline) override;

  // pg_lane_marks.cc
  absl::StatusOr<LanePass> CloseLanes(absl::Time deadline) override;

  // pg_enqueue.cc
  absl::StatusOr<EnqueueResult> Enqueue(const std::string& outlet, const std::string& lane_id,
                                        const std::vector<NewMessage>& messages,
                                        absl::Time deadline) override;

  // pg_messages.cc
  absl::StatusOr<std::vector<QueueEntry>> ListQueued(const std::string& lane_id,
                                                     absl::Time deadline) override;
  absl::StatusOr<std::vector<Foresight>> Foresee(const std::string& outlet,
                                                 const std::string& sender_id,
                                                 const std::string& purpose,
                                                 const std::vector<NewMessage>& messages,
                                                 absl::Time deadline) override;
  absl::StatusOr<Medium> PutMedium(const Medium& medium, const std::string& bytes,
                                   const RequestKey& request, absl::Time deadline) override;
  absl::StatusOr<std::vector<Medium>> ListMedia(const std::string& outlet, const std::string& after,
                                                int limit, absl::Time deadline) override;
  absl::Status DeleteMedium(const std::string& outlet, const std::string& name,
                            const RequestKey& request, absl::Time deadline) override;
  absl::StatusOr<std::optional<WantedUpload>> TakeWantedUpload(absl::Duration lease,
                                                               absl::Time deadline) override;
  absl::Status NoteUploaded(const WantedUpload& upload, const std::string& provider_id,
                            absl::Time deadline) override;
  absl::Status NoteUploadFailed(const WantedUpload& upload, const std::string& error,
                                absl::Duration wait, absl::Time deadline) override;
  absl::StatusOr<std::vector<StaleMessage>> ListStale(const std::string& outlet,
                                                      const std::string& lane_id,
                                                      const LanePlace& after, int limit,
                                                      absl::Time deadline) override;
  absl::StatusOr<LedgerMessage> GetMessage(const std::string& outlet, const std::string& id,
                                           absl::Time deadline) override;
  absl::StatusOr<std::vector<LedgerMessage>> ListMessages(const std::string& outlet,
                                                          const std::string& lane_id,
                                                          MessageState state,
                                                          const std::string& after_day,
                                                          std::int64_t after_seq, int limit,
                                                          absl::Time deadline) override;
  absl::StatusOr<std::vector<LedgerMessage>> ListMessagesTo(
      const std::string& outlet, const std::string& phone, const std::string& bsuid,
      MessageState state, std::int64_t after_seq, int limit, absl::Time deadline) override;

  absl::StatusOr<std::vector<LedgerMessage>> ExportMessages(const std::string& outlet,
                                                            const MessageFilter& filter,
                                                            MessagePlace* place,
                                                            absl::Time deadline) override;
  absl::Status NoteExport(const audit::Actor& by, const audit::Entry& entry,
                          absl::Time deadline) override;

  // pg_dead_letters.cc
  absl::StatusOr<std::vector<DeadLetter>> ListDeadLetters(const std::string& outlet,
                                                          const DeadLetterFilter& filter,
                                                          std::int64_t after, int limit,
                                                          absl::Time deadline) override;
  absl::StatusOr<DeadLetter> GetDeadLetter(const std::string& outlet, std::int64_t id,
                                           absl::Time deadline) override;
  absl::StatusOr<DeadLetter> RetryDeadLetter(const std::string& outlet, std::int64_t id,
                                             const std::string& reason, const RequestKey& request,
                                             absl::Time deadline) override;
  absl::StatusOr<DeadLetter> DropDeadLetter(const std::string& outlet, std::int64_t id,
                                            const std::string& reason, const RequestKey& request,
                                            absl::Time deadline) override;

  // pg_figures.cc
  absl::StatusOr<LedgerFigures> ReadFigures(absl::Time deadline) override;

  // pg_recount.cc
  absl::StatusOr<LaneRecount> RecountLane(const std::string& outlet, const std::string& lane_id,
                                          std::int64_t after_event_number,
                                          absl::Time deadline) override;

  // pg_recipients.cc
  absl::StatusOr<std::vector<OpenWindow>> ListOpenWindows(const std::string& portfolio_id,
                                                          absl::Time deadline) override;

  // pg_webhooks.cc
  absl::Status AppendWebhooks(const std::vector<JournalEntry>& payloads,
                              absl::Time deadline) override;
  absl::StatusOr<std::vector<JournalEntry>> ReadJournal(int limit, absl::Time deadline) override;
  absl::StatusOr<WebhookEffects> ApplyWebhooks(const WebhookBatch& batch,
                                               absl::Time deadline) override;

 private:
  // Makes the day's partitions if they are not there. A day that was deleted does not come again: a
  // repeated Enqueue would find its messages new.
  absl::Status EnsureDay(absl::CivilDay day, absl::Time deadline);
  void ForgetDay(absl::CivilDay day);
  // Of an Enqueue that failed: says so if its day was deleted since this process looked at it.
  absl::Status DayGone(absl::CivilDay day, const absl::Status& failed, absl::Time deadline);
  absl::StatusOr<Lane> ChangeLaneState(const std::string& outlet, const std::string& id,
                                       LaneState to, const std::string& reason, absl::Time deadline,
                                       const audit::Actor& by);

  pg::Pool& pool_;
  std::mutex mutex_;
  std::set<absl::CivilDay> days_;  // known to have partitions
};

}  // namespace kabar::dispatcher
