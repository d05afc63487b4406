// The seam to the record (PostgreSQL). pg_store.{h,cc} is the only implementation that runs; the
// contract test holds any other to the same behaviour.
//
// Thread safety: all methods may be called from any thread. All block on the database, at most
// until `deadline`. Errors: UNAVAILABLE (nothing known to have happened unless said), UNKNOWN (a
// commit in doubt: look up or repeat, every method is idempotent), others with a named reason.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/priority.h"
#include "libs/base/rate.h"
#include "services/dispatcher/message.h"

namespace kabar::dispatcher {

struct Portfolio {
  std::string id;
  std::string outlet_id;
  std::string name;
  std::int64_t messaging_limit = 0;  // unique recipients in 24 h; 0: unlimited
  // Of the limit, kept for lanes of a priority before the campaigns'. None: a tenth.
  std::optional<std::int64_t> trigger_reserve = {};
  std::int64_t version = 0;  // grows with each change: Redis keeps the newest that it was told
};

// What is kept in fact: campaigns stop at the limit less this.
inline std::int64_t ReserveOf(const Portfolio& portfolio) {
  return std::min(portfolio.trigger_reserve.value_or(portfolio.messaging_limit / 10),
                  portfolio.messaging_limit);
}

enum class SenderState : std::int16_t { kActive = 1, kPaused = 2, kStopped = 3 };

struct Sender {
  std::string id;
  std::string outlet_id;
  std::string portfolio_id;
  std::string phone_number_id;
  std::string display_phone;
  std::string account_id;    // the WhatsApp business account that it belongs to; or empty
  std::string sealed_token;  // encrypted (secret.h); never logged
  base::Rate throughput;     // 80/s
  base::Rate pair_rate;      // 1/6s
  SenderState state = SenderState::kActive;
  std::string state_reason;
  bool held = false;         // an operator's pause of it, its outlet or everything (pauses)
  std::int64_t version = 0;  // grows with each change but `held`'s, as a portfolio's
};

enum class UnknownPolicy : std::int16_t { kResend = 1, kHold = 2 };

struct Lane {
  std::string id;
  std::string outlet_id;
  std::string sender_id;
  std::string portfolio_id;  // of the sender
  std::int32_t priority = base::kCampaignPriority;
  std::optional<base::Rate> rate;
  std::int64_t version = 0;  // of the rate
  std::string run_id;
  std::int64_t asked = 0;
  std::optional<absl::Time> end_time;
  absl::Duration fresh_for = absl::Minutes(10);
  std::int32_t max_attempts = 3;
  UnknownPolicy unknown_policy = UnknownPolicy::kResend;
  std::string purpose;
  LaneState state = LaneState::kRunning;
  std::string state_reason;
  bool held = false;  // an operator's pause of it, its sender, its outlet or everything (pauses)
  bool finished_expanding = false;  // FinishLane was called
  std::int64_t enqueued = 0;        // rows in the ledger (GetLane only)
  double rate_per_s = 0;            // the most it can send: its own rate and the sender's

  // One campaign's messages; else automatic ones, of many templates.
  bool of_campaign() const { return priority >= base::kCampaignPriority; }
};

// What goes to a lane's list in Redis: no personal data, no text.
struct QueueEntry {
  std::string message_id;
  std::int64_t recipient_id = 0;
  absl::Time not_before = absl::InfinitePast();  // later than now: goes to the delayed set
};

struct EnqueueResult {
  std::int64_t added = 0;
  std::int64_t replaced = 0;
  std::int64_t unchanged = 0;
  LaneState lane_state = LaneState::kNone;
  std::vector<QueueEntry> to_push;  // the QUEUED ones among them
  Lane lane;                        // to push them to
};

// One claim's answer: what may be sent, and what the statement saw of the lane.
struct StartResult {
  std::vector<StartedMessage> started;
  LaneState lane_state = LaneState::kNone;
  std::optional<absl::Time> end_time;
  std::string sender_id;
  bool of_campaign = true;
  // Still QUEUED but not due yet: back to the delayed set.
  std::vector<QueueEntry> not_due;
};

class Store {
 public:
  virtual ~Store() = default;

  // -- claims and outcomes: the hot path ------------------------------------------------------
  // Compare-and-set QUEUED -> SENDING, attempt + 1, lease; one statement, the lane FOR SHARE.
  // Skips what is not due, stale or gone; what is suppressed, under whichever of the person's ids,
  // becomes SUPPRESSED. A started message bears the person's id as it is now: claimed under
  // another, its limits were not looked at, and it must go back unsent. `claim` is a name of its
  // own for each call. After UNKNOWN nothing of it may be sent, and an Outcome kReturned that names
  // the claim sends back what it may have started.
  virtual absl::StatusOr<StartResult> StartAttempts(const std::string& lane_id,
                                                    const std::vector<std::string>& message_ids,
                                                    const std::string& claim, absl::Duration lease,
                                                    absl::Time deadline) = 0;
  // Writes the outcomes with their events in one transaction, and does in it what they ask for
  // beyond their messages. An outcome whose attempt the ledger has moved past only adds the
  // provider's id. Returns what is QUEUED again, to be pushed.
  struct Requeued {
    std::string lane_id = {};
    std::string portfolio_id = {};  // of the lane's sender
    QueueEntry entry = {};
  };
  virtual absl::StatusOr<std::vector<Requeued>> RecordOutcomes(const std::vector<Outcome>& outcomes,
                                                               absl::Time deadline) = 0;

  // -- what the queue is rebuilt and swept from -------------------------------------------------
  virtual absl::StatusOr<std::vector<Portfolio>> ListAllPortfolios(absl::Time deadline) = 0;
  virtual absl::StatusOr<std::vector<Sender>> ListAllSenders(absl::Time deadline) = 0;
  // RUNNING and PAUSED lanes of all outlets.
  virtual absl::StatusOr<std::vector<Lane>> ListOpenLanes(absl::Time deadline) = 0;
  // QUEUED, rendered and fresh, in order of enqueueing.
  virtual absl::StatusOr<std::vector<QueueEntry>> ListQueued(const std::string& lane_id,
                                                             absl::Time deadline) = 0;
  struct RecipientUse {
    std::int64_t recipient_id = 0;
    absl::Time last_use;
  };
  // Recipients to whom attempts were started outside windows in the last 24 h (and a margin).
  virtual absl::StatusOr<std::vector<RecipientUse>> ListRecentRecipients(
      const std::string& portfolio_id, absl::Time deadline) = 0;
  struct OpenWindow {
    std::string sender_id;
    std::int64_t recipient_id = 0;
    absl::Time last_inbound;
  };
  virtual absl::StatusOr<std::vector<OpenWindow>> ListOpenWindows(const std::string& portfolio_id,
                                                                  absl::Time deadline) = 0;
  // People who were two recipients, and whom the queue may hold as two (the oldest 1,000 by id).
  // Nothing is sent to them until NoteLinksTold: what was sent under the one id must hold back what
  // is claimed under the other.
  struct Linked {
    std::string outlet_id = {};
    std::int64_t given_up = 0;
    std::int64_t recipient_id = 0;  // the person's from now on
  };
  virtual absl::StatusOr<std::vector<Linked>> ListUntoldLinks(absl::Time deadline) = 0;
  virtual absl::Status NoteLinksTold(const std::vector<Linked>& links, absl::Time deadline) = 0;
};

}  // namespace kabar::dispatcher
