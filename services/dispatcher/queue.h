// The seam to order and limits (Redis). Holds no rights: a duplicate, a stale id, an emptied or
// rolled-back Redis are all harmless, because only Store::StartAttempts gives the right to send.
//
// Thread safety: all methods may be called from any thread. All block on Redis, at most until
// `deadline`. Errors: UNAVAILABLE (without Redis nothing is sent), FAILED_PRECONDITION with reason
// QUEUE_NOT_BUILT when this Redis has not been built from the ledger (new, restarted, emptied).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/dispatcher/quota_plan.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

// One message popped, with the slot in which its request may start.
struct ClaimedEntry {
  QueueEntry entry;
  // On this process's CLOCK_BOOTTIME, in microseconds, converted on the safe side of the clock
  // difference to the Redis server: not before the first, not after the second (slot + J, less the
  // way to the wire).
  std::int64_t start_not_before_us = 0;
  std::int64_t start_not_after_us = 0;
  std::int64_t server_slot_us = 0;  // the slot as the server knows it, for GiveBack
  bool took_place = false;          // of the portfolio's 24 hours: its recipient had none
  bool in_window = false;           // of a customer who wrote: it needs no place
};

struct Claim {
  std::string lane_id;  // empty: nothing to send now
  std::string sender_id;
  // The sender's circuit is open and this one message is to find out whether it may close: whatever
  // comes of it must be told (TellSender).
  bool probe = false;
  bool suspect = false;  // the sender's last requests failed: tell if one goes well
  std::vector<ClaimedEntry> entries;
  // When to ask again for this portfolio if nothing wakes us (BOOTTIME us); 0: at once.
  std::int64_t next_claim_us = 0;
};

// How a number fares, as all workers together have seen it.
struct SenderHealth {
  double fraction = 1;                           // of its throughput that it may use now
  int failures = 0;                              // in a row
  absl::Time open_until = absl::InfinitePast();  // later: its circuit is open
  bool open = false;                             // nothing is claimed but a probe after open_until
};

// What a worker saw of a number's requests since it last told.
struct SenderNews {
  bool went_well = false;           // one got an answer that is not the provider's own trouble
  int failures = 0;                 // after that
  std::int64_t failed_slot_us = 0;  // of the last of them (ClaimedEntry::server_slot_us)
  enum class Probe { kNone, kWell, kFailed, kUnused };
  Probe probe = Probe::kNone;  // kUnused: it was not sent after all
};

// What the queue knows of a number, for metrics.
struct SenderFigures {
  std::int64_t waiting = 0;    // ids that its open lanes hold
  std::int64_t claimable = 0;  // how many of them could start within `horizon`, by all limits
  std::int64_t spent = 0;      // slots ever given, since this Redis was built
};

class Queue {
 public:
  virtual ~Queue() = default;

  // Pops up to `max` messages of the best lane of the portfolio that can send within `hold`:
  // priority first, then the lane whose turn it is; checks lane rate, sender throughput, pair and
  // portfolio on the server's clock; whoever must wait goes to the delayed set. `lead`: slots lie
  // at least this far ahead, time for the compare-and-set; where a limit has been free, the message
  // may start before.
  virtual absl::StatusOr<Claim> ClaimNext(const std::string& portfolio_id, int max,
                                          absl::Duration hold, absl::Duration lead,
                                          absl::Time deadline) = 0;
  // New slots for messages still held (lease valid) whose slot passed before they could start: for
  // as many as get one within the hold, in their order.
  virtual absl::StatusOr<std::vector<ClaimedEntry>> Reslot(const std::string& portfolio_id,
                                                           const std::string& lane_id,
                                                           const std::vector<ClaimedEntry>& late,
                                                           absl::Time deadline) = 0;
  // Claimed messages of which certainly no byte was written: their recipients need not wait for the
  // pair's interval, and places that they took of the portfolio's 24 hours are free again, unless
  // another claim has counted on one since. The slots themselves have passed and are lost.
  virtual absl::Status GiveBack(const std::string& portfolio_id, const std::string& sender_id,
                                const std::vector<ClaimedEntry>& unsent, absl::Time deadline) = 0;
  // Appends to the lane's list or the delayed set and wakes the workers.
  virtual absl::Status Push(const Lane& lane, const std::vector<QueueEntry>& entries,
                            absl::Time deadline) = 0;
  // The same for ids that may be there already (their text was replaced): those keep their place,
  // since each id that is there twice would cost the lane a slot for nothing. Costs a look at the
  // whole list.
  virtual absl::Status PushAgain(const Lane& lane, const std::vector<QueueEntry>& entries,
                                 absl::Time deadline) {
    return Push(lane, entries, deadline);
  }
  // Makes the lane's parameters and state in Redis equal to `lane` (also removes it when final).
  virtual absl::Status PutLane(const Lane& lane, absl::Time deadline) = 0;
  virtual absl::Status PutSender(const Sender& sender, absl::Time deadline) = 0;
  virtual absl::Status PutPortfolio(const Portfolio& portfolio, absl::Time deadline) = 0;
  // A customer wrote: messages to him on this number are inside the window now.
  virtual absl::Status OpenWindow(const std::string& portfolio_id, const std::string& sender_id,
                                  std::int64_t recipient_id, absl::Time last_inbound,
                                  absl::Time deadline) = 0;
  // The provider says that it is closed: messages to him count for the 24-hour limit again.
  virtual absl::Status CloseWindow(const std::string& portfolio_id, const std::string& sender_id,
                                   std::int64_t recipient_id, absl::Time deadline) = 0;
  // People who were two recipients are one: what was counted for the id that they gave up (pair,
  // place in the 24 hours, window) counts for theirs. `sender_ids`: the portfolio's.
  virtual absl::Status JoinRecipients(const std::string& portfolio_id,
                                      const std::vector<std::string>& sender_ids,
                                      const std::vector<Store::Linked>& links,
                                      absl::Time deadline) = 0;
  // 130429: the provider refused the request of this slot (ClaimedEntry::server_slot_us) as too
  // much. The number sends at half the speed and recovers by itself; refusals that say nothing new
  // count once, however many are told. True: this one lowered it.
  virtual absl::StatusOr<bool> SlowSender(const std::string& portfolio_id,
                                          const std::string& sender_id, std::int64_t slot_us,
                                          absl::Time deadline) = 0;
  // 131056: the recipient alone waits 4^n s on this number, n the refusals in a row; for so long.
  virtual absl::StatusOr<absl::Duration> RefusePair(const std::string& portfolio_id,
                                                    const std::string& sender_id,
                                                    std::int64_t recipient_id,
                                                    absl::Time deadline) = 0;
  // Opens and closes the number's circuit. How it fares then.
  virtual absl::StatusOr<SenderHealth> TellSender(const std::string& portfolio_id,
                                                  const std::string& sender_id,
                                                  const SenderNews& news, absl::Time deadline) = 0;
  // In the order of the senders.
  virtual absl::StatusOr<std::vector<SenderHealth>> GetHealth(
      const std::string& portfolio_id, const std::vector<std::string>& sender_ids,
      absl::Time deadline) = 0;
  // How many ids the lane holds in Redis (list, delayed, waiting for a place of the portfolio's).
  virtual absl::StatusOr<std::int64_t> LaneLength(const Lane& lane, absl::Time deadline) = 0;
  // Replaces the lane's list by `entries` in one step (sweeper, rebuild).
  virtual absl::Status ReplaceLane(const Lane& lane, const std::vector<QueueEntry>& entries,
                                   absl::Time deadline) = 0;
  // Who counts of the portfolio's 24 hours until when, in steps of kQuotaStep (at the end of each),
  // and how many ids each of these lanes holds, all at one moment.
  struct Quota {
    absl::Time now = {};  // the server's
    std::vector<QuotaUse> uses = {};
    std::vector<std::int64_t> queued = {};
  };
  virtual absl::StatusOr<Quota> ReadQuota(const std::string& portfolio_id,
                                          const std::vector<std::string>& lane_ids,
                                          absl::Time deadline) = 0;
  // Costs a few microseconds a lane, in calls of 200 lanes. Queues of tests know nothing.
  virtual absl::StatusOr<SenderFigures> LookAt(const Sender& /*sender*/,
                                               const std::vector<std::string>& /*lane_ids*/,
                                               absl::Duration /*horizon*/,
                                               absl::Time /*deadline*/) {
    return SenderFigures{};
  }
  // True if this Redis process was built from the ledger and has not been emptied since.
  virtual absl::StatusOr<bool> IsBuilt(const std::string& portfolio_id, absl::Time deadline) = 0;
  // Blocks until something was pushed for one of the portfolios (its id) or `timeout` passed
  // (empty). One waiter is woken by a push; the others find out by themselves, within a second.
  virtual absl::StatusOr<std::string> WaitForWake(const std::vector<std::string>& portfolio_ids,
                                                  absl::Duration timeout) = 0;
  // Builds a portfolio's keys anew from the ledger, on the safe side: every bucket empty, every
  // pair blocked for its interval, the 24-hour set from the ledger. Nothing is claimed meanwhile.
  virtual absl::Status Rebuild(const Portfolio& portfolio, const std::vector<Sender>& senders,
                               const std::vector<Lane>& lanes, Store& store,
                               absl::Time deadline) = 0;
};

}  // namespace kabar::dispatcher
