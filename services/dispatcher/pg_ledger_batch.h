// Messages of one transaction, locked, changed in memory by the one state machine, and written back
// with their attempts and events. Outcomes, webhooks and the keeper's rescues all work through it.
// Internal to the store.
//
//   LedgerBatch batch;
//   batch.Load(tx, ids);
//   batch.MoveAttempt(*batch.Find(id), attempt, AttemptState::kAccepted, {...});
//   KABAR_RETURN_IF_ERROR(batch.Save(tx, events));      // then events.Append(tx), last
//
// Thread safety: belongs to one thread. Blocks: on row locks and statements. Errors: as
// pg::Transaction.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

struct AttemptRow {
  std::int32_t attempt = 0;
  AttemptState state = AttemptState::kStarted;
  std::string provider_id = {};
  std::string reason = {};
  std::optional<absl::Time> started_at = {};
  bool changed = false;
};

struct LedgerRow {
  std::string day;
  std::string id;
  const LaneRow* lane = nullptr;
  std::string contact_id;
  std::string subject;
  std::int64_t ordinal = 0;
  std::int64_t recipient_id = 0;
  std::string phone;
  bool has_form = false;
  bool with_medium = false;  // an uploaded one
  MessageState state = MessageState::kNone;
  std::string reason;
  std::int32_t attempt = 0;
  std::int32_t failures = 0;
  std::int32_t resends = 0;
  std::int64_t revision = 0;
  std::optional<absl::Time> not_before;
  std::optional<absl::Time> claimed_at;
  MessageState reached = MessageState::kNone;  // the furthest of SENT, DELIVERED, READ ever
  // By number, the latest last; the earlier ones only after LoadEarlierAttempts.
  std::vector<AttemptRow> attempts;
  MessageState loaded_state = MessageState::kNone;
  bool changed = false;
  bool render_again = false;  // QUEUED, and not to be sent with the text it has
};

// What came of an attempt.
struct AttemptMove {
  std::string provider_id = {};
  std::string reason = {};
  std::optional<absl::Time> started_at = {};
  bool retry = false;         // kFailed: again at `not_before`, while tries are left
  bool costs_try = true;      // kFailed: one of them; else the message is not to blame
  bool render_again = false;  // kFailed, again: not before it has a new text
  absl::Time not_before = absl::InfinitePast();
  std::string pricing_category = {};
  bool billable = false;
};

class LedgerBatch {
 public:
  LedgerBatch() = default;
  LedgerBatch(const LedgerBatch&) = delete;
  LedgerBatch& operator=(const LedgerBatch&) = delete;

  // Locks the messages' lanes, those of `pausing` (messages that may pause them) for that, then the
  // messages. What is not in the ledger is left out. `lanes`: theirs, where the caller knows them
  // all; empty: they are looked up.
  void Load(pg::Transaction& tx, const std::vector<std::string>& ids,
            const std::vector<std::string>& pausing = {}, const std::set<std::string>& lanes = {});
  // Their attempts before the latest, where the state alone does not tell (everything but the
  // outcome of the attempt that is SENDING).
  void LoadEarlierAttempts(pg::Transaction& tx, const std::vector<LedgerRow*>& rows);

  LedgerRow* Find(const std::string& id);
  LaneRow* FindLane(const std::string& id);
  std::vector<LedgerRow*> All();

  // True if the attempt moved; its message's state follows. The provider's id and the start are
  // kept in any case.
  bool MoveAttempt(LedgerRow& row, std::int32_t attempt, AttemptState to, const AttemptMove& move);
  // Changes the state by the keeper's decision. QUEUED becomes what the lane's state makes of it.
  void ChangeState(LedgerRow& row, MessageState to, const std::string& reason,
                   const AttemptMove& move = {});

  // Writes everything that changed and adds the events in the order of the changes.
  void Save(pg::Transaction& tx, LedgerEvents& events);

  // After Save: what is QUEUED now and was not, or is again; what has to be rendered first comes to
  // the queue with its new text.
  const std::vector<Store::Requeued>& requeued() const { return requeued_; }
  std::int64_t changes() const { return static_cast<std::int64_t>(changes_.size()); }

 private:
  struct Change {
    const LedgerRow* row;
    std::int32_t attempt;
    std::int64_t revision;
    MessageState from;
    MessageState to;
    std::string reason;
    std::string reason_before;
    MessageState reached_before;
    std::string pricing_category;
    bool billable;
  };

  void LockLanes(pg::Transaction& tx, const std::set<std::string>& lanes,
                 const std::set<std::string>& to_pause);
  AttemptRow& Attempt(LedgerRow& row, std::int32_t attempt);
  void SaveMessages(pg::Transaction& tx);
  void SaveEarlierAttempts(pg::Transaction& tx);
  void ForgetTexts(pg::Transaction& tx);
  static void AddUnknown(pg::Transaction& tx, const LedgerRow& row);
  void SaveSideTables(pg::Transaction& tx);

  std::map<std::string, LaneRow> lanes_;
  std::map<std::pair<std::string, std::string>, LedgerRow> rows_;  // by day and id
  std::unordered_map<std::string, LedgerRow*> by_id_;
  std::vector<Change> changes_;
  std::vector<Store::Requeued> requeued_;
};

// Until when a request of a claim may have been written, where nobody reported it (the worker's
// hold is half of it).
inline constexpr absl::Duration kStartAllowance = absl::Seconds(1);

}  // namespace kabar::dispatcher
