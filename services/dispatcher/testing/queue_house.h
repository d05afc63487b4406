// A portfolio with one number in the tests' private Redis, built from a ledger made of lists: what
// the tests of the queue's files stand on.
//
// Thread safety: one test at a time. Blocks: Settle and ClaimUntil, on the server's real clock.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/testing/store_of_lists.h"

namespace kabar::dispatcher::testing_queue {

inline absl::Time In(absl::Duration d) { return absl::Now() + d; }

inline base::Rate Per(std::int64_t limit, absl::Duration window, std::int64_t burst = 1) {
  return {.limit = limit, .window = window, .max_burst = burst};
}

inline Portfolio MakePortfolio() {
  Portfolio portfolio;
  portfolio.id = "p1";
  return portfolio;
}

// One portfolio with one number in a fresh Redis, built from a ledger made of lists.
struct House {
  explicit House(base::Rate throughput = Per(100000, absl::Seconds(1)),
                 base::Rate pair = Per(1, absl::Milliseconds(1)))
      : House(throughput, pair, Options()) {}
  House(base::Rate throughput, base::Rate pair, RedisQueueOptions options)
      : queue(std::move(options), base::SystemClock()) {
    testing::TestRedis().FlushAll();
    sender.id = "s1";
    sender.portfolio_id = portfolio.id;
    sender.throughput = throughput;
    sender.pair_rate = pair;
  }

  static RedisQueueOptions Options() {
    return {.url = testing::TestRedis().url(),
            .lead = absl::Milliseconds(1),
            .longest_lead = absl::Milliseconds(20)};
  }

  Lane MakeLane(const std::string& id, std::optional<base::Rate> rate = std::nullopt,
                int priority = 10) {
    Lane lane;
    lane.id = id;
    lane.sender_id = sender.id;
    lane.portfolio_id = portfolio.id;
    lane.priority = priority;
    lane.rate = rate;
    return lane;
  }

  void Build(const std::vector<Lane>& lanes = {}) {
    REQUIRE(queue.Rebuild(portfolio, {sender}, lanes, store, In(absl::Seconds(10))).ok());
  }

  void Fill(const Lane& lane, int from, int to) {
    std::vector<QueueEntry> entries;
    for (int i = from; i < to; ++i) {
      entries.push_back({.message_id = absl::StrCat(lane.id, "-", i), .recipient_id = i + 1});
    }
    REQUIRE(queue.Push(lane, entries, In(absl::Seconds(5))).ok());
  }

  // Past the time for which a rebuild blocks all pairs (on the server's real clock).
  void Settle() {
    base::SystemClock().SleepFor(absl::Milliseconds(120) + sender.pair_rate.window, {});
  }

  Claim ClaimNext(int max = 200) {
    auto claim =
        queue.ClaimNext(portfolio.id, max, absl::Milliseconds(50), lead, In(absl::Seconds(5)));
    REQUIRE(claim.ok());
    return *claim;
  }

  // Claims until `count` messages came or `limit` passed.
  std::vector<std::pair<std::string, ClaimedEntry>> ClaimUntil(std::size_t count,
                                                               absl::Duration limit) {
    std::vector<std::pair<std::string, ClaimedEntry>> all;
    auto& clock = base::SystemClock();
    const absl::Time end = In(limit);
    while (all.size() < count && absl::Now() < end) {
      Claim claim = ClaimNext();
      for (auto& e : claim.entries) all.emplace_back(claim.lane_id, e);
      const auto wait = absl::Microseconds(claim.next_claim_us - clock.BoottimeMicros());
      clock.SleepFor(std::clamp(wait, absl::ZeroDuration(), end - absl::Now()), {});
    }
    return all;
  }

  Portfolio portfolio = MakePortfolio();
  Sender sender;
  absl::Duration lead = absl::Milliseconds(1);
  testing_store::StoreOfLists store;
  RedisQueue queue;
};

}  // namespace kabar::dispatcher::testing_queue
