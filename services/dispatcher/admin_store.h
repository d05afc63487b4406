// The rest of the seam to the record: what the API and the keeper need of it. (store.h is what the
// worker and the queue need.) pg_store.h implements both.
//
// Thread safety: all methods may be called from any thread. All block on the database, at most
// until `deadline`. Errors: as store.h. NOT_FOUND for what is not there or belongs to another
// outlet; FAILED_PRECONDITION for verbs in the wrong state (LANE_CANCELLED, LANE_EXPIRED,
// LANE_CLOSED); INVALID_ARGUMENT REQUEST_ID_REUSED.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "libs/audit/audit.h"
#include "libs/base/rate.h"
#include "services/dispatcher/media_store.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/message_filter.h"
#include "services/dispatcher/store.h"
#include "services/dispatcher/webhook_batch.h"

namespace kabar::dispatcher {

// A mutating call's request_id, honoured for 24 h: the same request again changes nothing and
// answers what is there now. Empty id: none.
struct RequestKey {
  std::string request_id = {};
  std::string method = {};
  std::string fingerprint = {};  // SHA-256 of the request
  audit::Actor by = {};          // who asks: for the audit log
};

// What an operator pauses: a lane, a number, an outlet, everything.
struct SendingTarget {
  enum class Scope { kLane = 1, kSender = 2, kOutlet = 3, kAll = 4 };
  Scope scope = Scope::kAll;
  std::string id = {};  // kOutlet: the caller's; kAll: empty
};

struct SendingPause {
  SendingTarget target = {};
  std::string who = {};
  std::string reason = {};
  absl::Time since = {};
};

struct Sending {
  SendingTarget target = {};
  std::vector<SendingPause> pauses = {};  // of the target and of what it belongs to
  std::int64_t in_flight = 0;             // SENDING; of the latest 100,000 claimed
  bool drained = false;                   // paused, and nothing is or comes under way
};

struct PortfolioChange {
  std::optional<std::string> name = {};
  std::optional<std::int64_t> messaging_limit = {};
  std::optional<std::optional<std::int64_t>> trigger_reserve = {};  // to none: the default again
};

struct SenderChange {
  std::optional<std::string> display_phone = {};
  std::optional<std::string> sealed_token = {};
  std::optional<base::Rate> throughput = {};
  std::optional<base::Rate> pair_rate = {};
  std::optional<SenderState> state = {};
  std::optional<std::string> account_id = {};
};

struct ToldTemplate {
  std::int64_t number = 0;
  whatsapp::TemplateChange change = {};
  absl::Time time = {};
};

struct RetryResult {
  std::int64_t retried = 0;
  Lane lane;
};

enum class UnknownDecision { kResend, kFail };

// Which UNKNOWN messages a person has decided on: those named, or those of a lane.
struct UnknownToResolve {
  UnknownDecision decision = UnknownDecision::kFail;
  std::vector<std::string> message_ids = {};
  std::string lane_id = {};
  absl::Duration min_age = absl::ZeroDuration();  // with lane_id
};

struct ResolveResult {
  struct Refused {
    std::string message_id;
    MessageState state = MessageState::kNone;
    std::string reason;  // NOT_UNKNOWN, MESSAGE_NOT_FOUND, LANE_CANCELLED, LANE_EXPIRED
  };
  std::int64_t resolved = 0;
  std::vector<Refused> refused;
  bool more = false;
  std::vector<Store::Requeued> requeued;  // to be told to the queue
};

// A message as people read it.
struct LedgerMessage {
  std::string id;
  std::string lane_id;
  std::string run_id;
  std::string contact_id;
  std::string phone;  // empty where there was none, or its owner was erased
  std::string bsuid;
  std::string subject;
  std::int64_t ordinal = 0;
  MessageState state = MessageState::kNone;
  std::string reason;
  std::int32_t attempt = 0;
  std::int64_t revision = 0;
  std::string text;
  ProviderForm form;
  Parts parts = {};
  std::string provider_id;
  absl::Time create_time;
  absl::Time update_time;
  std::int64_t seq = 0;  // with the id's day: where it stands in its lane
};

struct DeadLetter {
  enum class State : std::int16_t { kOpen = 1, kRetrying = 2, kApplied = 3, kDropped = 4 };
  std::int64_t id = 0;
  std::string kind = {};
  std::string reason = {};
  std::string payload = {};  // the webhook it came with, whole
  absl::Time time = {};
  std::string phone_number_id = {};
  State state = State::kOpen;
  std::int32_t retries = 0;
  std::string handled_by = {};
  std::string handled_reason = {};
  std::optional<absl::Time> handled_time = {};
};
absl::string_view Name(DeadLetter::State state);

struct DeadLetterFilter {
  std::string kind = {};                        // empty: all
  std::optional<DeadLetter::State> state = {};  // nullopt: kOpen and kRetrying
};

// Messages by state (element 0: kQueued) and how many reached SENT, DELIVERED, READ at least; of
// events: how they change these.
struct MessageFigures {
  std::array<std::int64_t, 10> states{};
  std::array<std::int64_t, 3> reached{};
};

// A lane counted anew, all of one snapshot.
struct LaneRecount {
  Lane lane;  // `enqueued`: its own counter
  std::int64_t rows = 0;
  MessageFigures ledger;
  MessageFigures changes_after;
  std::int64_t newest_event_number = 0;
  std::int64_t events_without_number = 0;
  std::int64_t missing_event_numbers = 0;
};

// A webhook in the journal, which has a row for all that came in one call.
struct JournalEntry {
  std::int64_t id = 0;     // of its row
  std::int32_t place = 0;  // in it
  absl::Time received_at;
  std::string body;
  std::int64_t dead_letter_id = 0;  // it is this dead letter's, once more
};

// What a pass of the keeper changed and the queue should hear of.
struct LanePass {
  std::vector<Lane> changed;  // now EXPIRED or CLOSED
  bool more = false;          // call again: not everything was done
};

// For metrics; counted up to 100,000.
struct LedgerFigures {
  std::int64_t unknown = 0;       // in lanes that are not over
  std::int64_t dead_letters = 0;  // open
  std::int64_t ending_lanes = 0;  // CANCELLED or EXPIRED, with messages QUEUED yet
  double oldest_due_s = 0;        // of QUEUED messages of lanes that may send
  std::int64_t journal_waiting = 0;
  double journal_oldest_s = 0;
  std::int64_t outbox_unnumbered = 0;
  double outbox_oldest_s = 0;
  std::vector<std::pair<std::string, std::int64_t>> consumers_behind = {};
};

class AdminStore : public MediaStore {
 public:
  // -- portfolios and senders ---------------------------------------------------------------------
  virtual absl::StatusOr<Portfolio> CreatePortfolio(const Portfolio& portfolio,
                                                    const RequestKey& request,
                                                    absl::Time deadline) = 0;
  virtual absl::StatusOr<Portfolio> UpdatePortfolio(const std::string& outlet,
                                                    const std::string& id,
                                                    const PortfolioChange& change,
                                                    const RequestKey& request,
                                                    absl::Time deadline) = 0;
  // By id, those after `after`.
  virtual absl::StatusOr<std::vector<Portfolio>> ListPortfolios(const std::string& outlet,
                                                                const std::string& after, int limit,
                                                                absl::Time deadline) = 0;
  virtual absl::StatusOr<Sender> CreateSender(const Sender& sender, const RequestKey& request,
                                              absl::Time deadline) = 0;
  virtual absl::StatusOr<Sender> UpdateSender(const std::string& outlet, const std::string& id,
                                              const SenderChange& change, const RequestKey& request,
                                              absl::Time deadline) = 0;
  virtual absl::StatusOr<Sender> GetSender(const std::string& outlet, const std::string& id,
                                           absl::Time deadline) = 0;
  virtual absl::StatusOr<std::vector<Sender>> ListSenders(const std::string& outlet,
                                                          const std::string& after, int limit,
                                                          absl::Time deadline) = 0;

  // What webhooks told of templates after that number, in order.
  virtual absl::StatusOr<std::vector<ToldTemplate>> ListTemplateNews(std::int64_t after, int limit,
                                                                     absl::Time deadline) = 0;

  // -- lanes
  // ---------------------------------------------------------------------------------------- The
  // lane as it is if its id is there already (ALREADY_EXISTS if it is another outlet's).
  virtual absl::StatusOr<Lane> CreateLane(const Lane& lane, absl::Time deadline) = 0;
  virtual absl::StatusOr<Lane> GetLane(const std::string& outlet, const std::string& id,
                                       absl::Time deadline) = 0;
  // Of any outlet; those that are there.
  virtual absl::StatusOr<std::vector<Lane>> GetLanes(const std::vector<std::string>& ids,
                                                     absl::Time deadline) = 0;
  // Of an outlet, RUNNING or PAUSED (or just the one), by id, those after `after`.
  virtual absl::StatusOr<std::vector<Lane>> ListOpenLanes(const std::string& outlet,
                                                          const std::string& after,
                                                          std::optional<LaneState> state, int limit,
                                                          absl::Time deadline) = 0;
  // RUNNING and PAUSED lanes of the portfolio's numbers, with how many rows each has in the ledger.
  virtual absl::StatusOr<std::vector<Lane>> ListOpenLanesOf(const std::string& portfolio_id,
                                                            absl::Time deadline) = 0;
  // In the state asked for already: the lane as it is. `by`: for the audit log.
  virtual absl::StatusOr<Lane> PauseLane(const std::string& outlet, const std::string& id,
                                         const std::string& reason, absl::Time deadline,
                                         const audit::Actor& by = {}) = 0;
  // What is QUEUED in the lane is not sent before it has been rendered again.
  virtual absl::Status ForgetTexts(const std::string& outlet, const std::string& lane_id,
                                   absl::Time deadline) = 0;
  virtual absl::StatusOr<Lane> ResumeLane(const std::string& outlet, const std::string& id,
                                          absl::Time deadline, const audit::Actor& by = {}) = 0;
  // QUEUED -> CANCELLED in the same transaction (of more than 100,000 the keeper does the rest).
  virtual absl::StatusOr<Lane> CancelLane(const std::string& outlet, const std::string& id,
                                          absl::Time deadline, const audit::Actor& by = {}) = 0;
  // LANE_<state>: it is over.
  virtual absl::StatusOr<Lane> SetLaneRate(const std::string& outlet, const std::string& id,
                                           const std::optional<base::Rate>& rate,
                                           absl::Time deadline, const audit::Actor& by = {}) = 0;
  virtual absl::StatusOr<Lane> FinishLane(const std::string& outlet, const std::string& id,
                                          absl::Time deadline) = 0;
  // FAILED -> QUEUED without a text; a CLOSED lane runs again.
  virtual absl::StatusOr<RetryResult> RetryFailed(const std::string& outlet, const std::string& id,
                                                  const RequestKey& request,
                                                  absl::Time deadline) = 0;
  // UNKNOWN -> QUEUED (RESEND_BY_HAND) or FAILED (FAILED_BY_HAND).
  virtual absl::StatusOr<ResolveResult> ResolveUnknown(const std::string& outlet,
                                                       const UnknownToResolve& what,
                                                       const RequestKey& request,
                                                       absl::Time deadline) = 0;

  // -- pauses by operators
  // ----------------------------------------------------------------------- Paused already: as it
  // is, with who was first. `outlet` is empty for kAll.
  virtual absl::StatusOr<Sending> PauseSending(const std::string& outlet,
                                               const SendingTarget& target,
                                               const std::string& reason, const RequestKey& request,
                                               absl::Time deadline) = 0;
  virtual absl::StatusOr<Sending> ResumeSending(const std::string& outlet,
                                                const SendingTarget& target,
                                                const std::string& reason,
                                                const RequestKey& request, absl::Time deadline) = 0;
  virtual absl::StatusOr<Sending> GetSending(const std::string& outlet, const SendingTarget& target,
                                             absl::Time deadline) = 0;
  // Without looking at what is in flight.
  virtual absl::StatusOr<std::vector<SendingPause>> ListPauses(const std::string& outlet,
                                                               const SendingTarget& target,
                                                               absl::Time deadline) = 0;

  // -- the ledger
  // ----------------------------------------------------------------------------------- At most
  // 1,000, of one day, each id once. One transaction under the lane's lock.
  virtual absl::StatusOr<EnqueueResult> Enqueue(const std::string& outlet,
                                                const std::string& lane_id,
                                                const std::vector<NewMessage>& messages,
                                                absl::Time deadline) = 0;
  // Of each message, as it is now: what suppresses it, whether its recipient's window is open, and
  // of what type the medium is that it names. Writes nothing.
  struct Foresight {
    std::string suppression = {};  // the reason; empty: none
    bool window_open = false;
    std::string mime_type = {};  // empty: it names none, or none that is there
  };
  virtual absl::StatusOr<std::vector<Foresight>> Foresee(const std::string& outlet,
                                                         const std::string& sender_id,
                                                         const std::string& purpose,
                                                         const std::vector<NewMessage>& messages,
                                                         absl::Time deadline) = 0;
  // In order of enqueueing, those behind `after`. One that has to wait is left out until it is due:
  // a text made before would be old again.
  virtual absl::StatusOr<std::vector<StaleMessage>> ListStale(const std::string& outlet,
                                                              const std::string& lane_id,
                                                              const LanePlace& after, int limit,
                                                              absl::Time deadline) = 0;
  virtual absl::StatusOr<LedgerMessage> GetMessage(const std::string& outlet, const std::string& id,
                                                   absl::Time deadline) = 0;
  // In order of enqueueing, those after `after` (its day and seq); kNone: every state.
  virtual absl::StatusOr<std::vector<LedgerMessage>> ListMessages(
      const std::string& outlet, const std::string& lane_id, MessageState state,
      const std::string& after_day, std::int64_t after_seq, int limit, absl::Time deadline) = 0;
  // The same of a person, by one of his addresses, in whatever lane.
  virtual absl::StatusOr<std::vector<LedgerMessage>> ListMessagesTo(
      const std::string& outlet, const std::string& phone, const std::string& bsuid,
      MessageState state, std::int64_t after_seq, int limit, absl::Time deadline) = 0;
  // The next of those that the filter finds, by day, lane and seq, behind `place`, which moves; few
  // enough for one short transaction, and perhaps none though place->end is not reached.
  virtual absl::StatusOr<std::vector<LedgerMessage>> ExportMessages(const std::string& outlet,
                                                                    const MessageFilter& filter,
                                                                    MessagePlace* place,
                                                                    absl::Time deadline) = 0;
  // In the audit log, for what changes nothing.
  virtual absl::Status NoteExport(const audit::Actor& by, const audit::Entry& entry,
                                  absl::Time deadline) = 0;
  // Dead letters, by id, those after `after`. `outlet` empty: what is no outlet's.
  virtual absl::StatusOr<std::vector<DeadLetter>> ListDeadLetters(const std::string& outlet,
                                                                  const DeadLetterFilter& filter,
                                                                  std::int64_t after, int limit,
                                                                  absl::Time deadline) = 0;
  virtual absl::StatusOr<DeadLetter> GetDeadLetter(const std::string& outlet, std::int64_t id,
                                                   absl::Time deadline) = 0;
  // Its webhook goes into the journal once more, however often this is asked for meanwhile.
  // FAILED_PRECONDITION DEAD_LETTER_APPLIED, DEAD_LETTER_DROPPED, DEAD_LETTER_RETRYING (drop).
  virtual absl::StatusOr<DeadLetter> RetryDeadLetter(const std::string& outlet, std::int64_t id,
                                                     const std::string& reason,
                                                     const RequestKey& request,
                                                     absl::Time deadline) = 0;
  virtual absl::StatusOr<DeadLetter> DropDeadLetter(const std::string& outlet, std::int64_t id,
                                                    const std::string& reason,
                                                    const RequestKey& request,
                                                    absl::Time deadline) = 0;
  // Ledger, events after this number, and event numbers. OUT_OF_RANGE EVENTS_TRIMMED,
  // RESOURCE_EXHAUSTED TOO_MANY_EVENTS.
  virtual absl::StatusOr<LaneRecount> RecountLane(const std::string& outlet,
                                                  const std::string& lane_id,
                                                  std::int64_t after_event_number,
                                                  absl::Time deadline) = 0;

  // -- webhooks
  // ---------------------------------------------------------------------------------------
  virtual absl::Status AppendWebhooks(const std::vector<JournalEntry>& payloads,
                                      absl::Time deadline) = 0;
  // The oldest webhooks not applied yet: the first `limit`, and what else is in the same row.
  virtual absl::StatusOr<std::vector<JournalEntry>> ReadJournal(int limit, absl::Time deadline) = 0;
  // All effects, all events and the journal's progress, or nothing. ABORTED if one of the payloads
  // was applied by somebody else meanwhile.
  virtual absl::StatusOr<WebhookEffects> ApplyWebhooks(const WebhookBatch& batch,
                                                       absl::Time deadline) = 0;

  // -- the keeper
  // ---------------------------------------------------------------------------------------
  // Attempts whose lease ran out: SENDING -> UNKNOWN. How many.
  virtual absl::StatusOr<std::int64_t> RescueExpired(int max_claims, absl::Time deadline) = 0;
  // UNKNOWN -> QUEUED by policy and evidence, for attempts unknown for longer than `window`.
  virtual absl::StatusOr<std::vector<Store::Requeued>> SettleUnknown(absl::Duration window, int max,
                                                                     absl::Time deadline) = 0;
  // Lanes past their end time become EXPIRED with all that is QUEUED in them.
  virtual absl::StatusOr<LanePass> ExpireLanes(absl::Time deadline) = 0;
  // What is still QUEUED in lanes that are CANCELLED or EXPIRED takes their state.
  virtual absl::StatusOr<LanePass> DrainLanes(absl::Time deadline) = 0;
  // Raises the low-water marks; finished lanes with nothing left become CLOSED.
  virtual absl::StatusOr<LanePass> CloseLanes(absl::Time deadline) = 0;
  // Costs the same however large the ledger is.
  virtual absl::StatusOr<LedgerFigures> ReadFigures(absl::Time deadline) = 0;
  // Deletes what nobody needs any more (applied journal, claims, request ids, ids of
  // media that nobody used of late). How many rows.
  virtual absl::StatusOr<std::int64_t> Trim(absl::Duration journal_retention,
                                            absl::Time deadline) = 0;
  // The days of which the ledger has messages, or had: in their order.
  virtual absl::StatusOr<std::vector<absl::CivilDay>> ListLedgerDays(absl::Time deadline) = 0;
  // The day's messages and attempts, for good. False: it is kept for now, since something of it is
  // QUEUED, SENDING, UNKNOWN or was changed after `quiet_since`, or somebody works on the ledger
  // right now.
  virtual absl::StatusOr<bool> DeleteLedgerDay(absl::CivilDay day, absl::Time quiet_since,
                                               absl::Time deadline) = 0;
  // The record of customers' messages that came before; dead letters that were dealt with before.
  // How many, `limit` at most.
  virtual absl::StatusOr<std::int64_t> DeleteInbound(absl::Time before, int limit,
                                                     absl::Time deadline) = 0;
  virtual absl::StatusOr<std::int64_t> DeleteLetters(absl::Time before, int limit,
                                                     absl::Time deadline) = 0;
};

}  // namespace kabar::dispatcher
