// WhatsApp's limits, enforced on the arrival times of requests.
//
// Throughput of a number: at most N in any sliding second. Pair: one message per 6 s to one
// customer, or a burst borrowed from the time after it. Window: free text only within 24 h of the
// customer's last message. Portfolio: unique customers outside windows in a moving 24 h.
// `--time-scale` stretches or shrinks the throughput and pair windows.
// Not thread-safe (the loop's thread owns it), never blocks, no errors: a refusal is a Graph code.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "tools/cloudsim/setup.h"

namespace kabar::cloudsim {

// At most `limit` events in any window [t, t + window). Events may come slightly out of order.
class SlidingWindow {
 public:
  // True: taken. False: refused, and not counted.
  bool Take(int64_t at_us, int64_t window_us, int limit);

  // An event that nobody can refuse (an inbound message).
  void Count(int64_t at_us, int64_t window_us);

 private:
  void Insert(int64_t at_us);
  std::deque<int64_t> events_;  // ascending, none older than a window
};

// What is known of one customer on one number.
struct PairState {
  int64_t free_at_us = 0;       // theoretical arrival time of the pair rate
  int64_t last_inbound_us = 0;  // 0: never
  int64_t next_inbound_us = 0;  // the customer will write then; 0: no
  uint32_t attempts = 0;        // requests seen
  uint32_t accepted = 0;
  uint32_t answers = 0;
};

class Limits {
 public:
  void Configure(const LimitSetup& setup);

  // Valid until Reset().
  PairState& Pair(uint32_t number, uint32_t recipient);

  // 0 or 130429. Counts the request when it passes.
  int TakeThroughput(uint32_t number, int limit, int64_t at_us);
  // 0 or 131056. Counts the request when it passes.
  int TakePair(PairState* pair, int64_t at_us) const;
  bool WindowOpen(const PairState& pair, int64_t at_us) const;
  // 0 or the portfolio's code. Counts the recipient when it passes.
  int TakePortfolio(uint32_t portfolio, uint32_t recipient, int64_t at_us);

  // The customer has written at some moment past that nobody counts any more.
  void OpenWindow(PairState* pair, int64_t at_us) const { pair->last_inbound_us = at_us; }
  // A customer writes at a moment, now or later.
  void Inbound(uint32_t number, PairState* pair, int64_t at_us);

  void Reset();

 private:
  struct NumberState {
    SlidingWindow window;
    std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> inbound;
  };
  struct Portfolio {
    absl::flat_hash_map<uint32_t, int64_t> last;  // recipient -> newest message outside a window
    std::deque<std::pair<int64_t, uint32_t>> order;
  };
  // A customer's first number stands beside him; most have only one, and newcomers' states lie
  // next to each other, which spares the cache.
  struct FirstPair {
    uint32_t number = UINT32_MAX;
    PairState state;
  };
  NumberState& Number(uint32_t number);

  LimitSetup setup_;
  int64_t second_us_ = 0;
  int64_t pair_us_ = 0;
  int64_t window_us_ = 0;
  std::vector<NumberState> numbers_;
  std::vector<Portfolio> portfolios_;
  std::deque<FirstPair> first_pairs_;                    // by recipient
  absl::node_hash_map<uint64_t, PairState> more_pairs_;  // (number, recipient)
};

}  // namespace kabar::cloudsim
