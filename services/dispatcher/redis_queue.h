// The queue on Redis: the scripts of lua/ with their arguments made and their answers read.
// What it promises stands in queue.h.
//
// Thread safety: safe for concurrent use. Blocks: every call, at most until its deadline.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

// When a number slows down, and when its circuit opens.
struct SenderPolicy {
  // After a refusal a number sends at half the speed, at the least at `slowest` of its throughput
  // (1,000/s: 20/s, the slowest that WhatsApp lets a number be), and a quarter faster after each
  // `step` without another. A step is the provider's window: for so long he still counts what came
  // before.
  absl::Duration step = absl::Seconds(1);
  double slowest = 0.02;
  // So many failures in a row (no answer, 5xx, no connection) open its circuit.
  int failures = 10;
  absl::Duration cool_down = absl::Seconds(5);  // the first; doubled by each probe that fails
  absl::Duration longest_cool_down = absl::Minutes(2);
  // Longer than a probe can be on its way: a worker that died with one keeps nobody waiting longer.
  absl::Duration probe_for = absl::Seconds(25);
};

struct RedisQueueOptions {
  std::string url;  // may hold a password: never logged
  int max_connections = 8;
  // J: how long after its slot a request may still start. Every limit is spaced by
  // (window + J) / limit, so that a start within [slot, slot + J] never overfills a window.
  // window / (window + J) of a limit can be used.
  absl::Duration allowance = absl::Milliseconds(8);
  // The same for rates above `fast`, faster than any number may send: there a claim brings as many
  // as can start in so long, and a longer one costs less each. Both of a claim's rates must be so.
  absl::Duration fast_allowance = absl::Milliseconds(50);
  base::Rate fast = {.limit = 2000};
  // The part of J that is kept for the way from the gate's last look to the wire.
  absl::Duration to_the_wire = absl::Milliseconds(3);
  // How far ahead a new slot of a message still held lies at least, and by what they plan who do
  // not claim; a claim has the lead that it asks for, at most the longest.
  absl::Duration lead = absl::Milliseconds(15);
  absl::Duration longest_lead = absl::Milliseconds(250);
  // The longest `hold` that any claim asks for; what a rebuild must leave free. A claim comes half
  // of it before the first free slot.
  absl::Duration max_hold = absl::Milliseconds(50);
  SenderPolicy sender = {};
};

class RedisQueue : public Queue {
 public:
  RedisQueue(RedisQueueOptions options, base::Clock& clock);
  ~RedisQueue() override;

  absl::StatusOr<Claim> ClaimNext(const std::string& portfolio_id, int max, absl::Duration hold,
                                  absl::Duration lead, absl::Time deadline) override;
  absl::StatusOr<std::vector<ClaimedEntry>> Reslot(const std::string& portfolio_id,
                                                   const std::string& lane_id,
                                                   const std::vector<ClaimedEntry>& late,
                                                   absl::Time deadline) override;
  absl::Status GiveBack(const std::string& portfolio_id, const std::string& sender_id,
                        const std::vector<ClaimedEntry>& unsent, absl::Time deadline) override;
  absl::Status Push(const Lane& lane, const std::vector<QueueEntry>& entries,
                    absl::Time deadline) override;
  absl::Status PushAgain(const Lane& lane, const std::vector<QueueEntry>& entries,
                         absl::Time deadline) override;
  absl::Status PutLane(const Lane& lane, absl::Time deadline) override;
  absl::Status PutSender(const Sender& sender, absl::Time deadline) override;
  absl::Status PutPortfolio(const Portfolio& portfolio, absl::Time deadline) override;
  absl::Status OpenWindow(const std::string& portfolio_id, const std::string& sender_id,
                          std::int64_t recipient_id, absl::Time last_inbound,
                          absl::Time deadline) override;
  absl::Status CloseWindow(const std::string& portfolio_id, const std::string& sender_id,
                           std::int64_t recipient_id, absl::Time deadline) override;
  absl::Status JoinRecipients(const std::string& portfolio_id,
                              const std::vector<std::string>& sender_ids,
                              const std::vector<Store::Linked>& links,
                              absl::Time deadline) override;
  absl::StatusOr<bool> SlowSender(const std::string& portfolio_id, const std::string& sender_id,
                                  std::int64_t slot_us, absl::Time deadline) override;
  absl::StatusOr<absl::Duration> RefusePair(const std::string& portfolio_id,
                                            const std::string& sender_id, std::int64_t recipient_id,
                                            absl::Time deadline) override;
  absl::StatusOr<SenderHealth> TellSender(const std::string& portfolio_id,
                                          const std::string& sender_id, const SenderNews& news,
                                          absl::Time deadline) override;
  absl::StatusOr<std::vector<SenderHealth>> GetHealth(const std::string& portfolio_id,
                                                      const std::vector<std::string>& sender_ids,
                                                      absl::Time deadline) override;
  absl::StatusOr<std::int64_t> LaneLength(const Lane& lane, absl::Time deadline) override;
  absl::Status ReplaceLane(const Lane& lane, const std::vector<QueueEntry>& entries,
                           absl::Time deadline) override;
  absl::StatusOr<Quota> ReadQuota(const std::string& portfolio_id,
                                  const std::vector<std::string>& lane_ids,
                                  absl::Time deadline) override;
  absl::StatusOr<SenderFigures> LookAt(const Sender& sender,
                                       const std::vector<std::string>& lane_ids,
                                       absl::Duration horizon, absl::Time deadline) override;
  absl::StatusOr<bool> IsBuilt(const std::string& portfolio_id, absl::Time deadline) override;
  absl::Status Rebuild(const Portfolio& portfolio, const std::vector<Sender>& senders,
                       const std::vector<Lane>& lanes, Store& store, absl::Time deadline) override;
  absl::StatusOr<std::string> WaitForWake(const std::vector<std::string>& portfolio_ids,
                                          absl::Duration timeout) override;

 private:
  enum class How { kAppend, kReplace, kAppendMissing };
  absl::Status PushWith(const Lane& lane, const std::vector<QueueEntry>& entries, How how,
                        absl::Time deadline);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::dispatcher
