// Who goes first, who goes next, and how much a worker takes at once.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/redis/connection.h"
#include "libs/redis/server.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;

// A second number in the same portfolio.
struct TwoNumbers : House {
  explicit TwoNumbers(base::Rate first, base::Rate second) : House(first) {
    other = sender;
    other.id = "s2";
    other.throughput = second;
  }
  void Build(const std::vector<Lane>& lanes) {
    REQUIRE(queue.Rebuild(portfolio, {sender, other}, lanes, store, In(absl::Seconds(10))).ok());
    base::SystemClock().SleepFor(absl::Milliseconds(200), {});  // past the block of all pairs
  }
  Sender other;
};

TEST_CASE("Fair: lanes of equal priority get the same, however many there are",
          "[dispatcher][fair]") {
  const int lanes = GENERATE(2, 3, 7);
  House h(Per(500, absl::Seconds(1)));
  std::vector<Lane> all;
  for (int i = 0; i < lanes; ++i) all.push_back(h.MakeLane(absl::StrCat("l", i)));
  h.Build(all);
  // One comes late and has a backlog of its own.
  for (int i = 0; i + 1 < lanes; ++i) h.Fill(all[i], 1000 * i, 1000 * i + 600);
  h.ClaimUntil(20, absl::Seconds(5));
  h.Fill(all.back(), 100000, 100600);
  std::map<std::string, int> got;
  const auto claimed = h.ClaimUntil(400, absl::Seconds(10));
  REQUIRE(claimed.size() >= 400);
  for (const auto& [lane, e] : claimed) ++got[lane];
  REQUIRE(got.size() == static_cast<std::size_t>(lanes));
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  const int least = std::min_element(got.begin(), got.end(), less)->second;
  const int most = std::max_element(got.begin(), got.end(), less)->second;
  CHECK(most - least <= 2 * 26);  // two claims' worth: 50 ms at 500/s
}

TEST_CASE("Fair: the claim after a trigger's push brings it, whatever campaigns have waiting",
          "[dispatcher][fair]") {
  House h(Per(1000, absl::Seconds(1)));
  const Lane campaign = h.MakeLane("campaign", Per(400, absl::Seconds(1)));
  const Lane trigger = h.MakeLane("trigger", std::nullopt, 0);
  h.Build({campaign, trigger});
  h.Settle();
  h.Fill(campaign, 0, 3000);
  for (int i = 0; i < 30; ++i) {
    h.ClaimUntil(3, absl::Seconds(5));  // the campaign is under way
    h.Fill(trigger, 10000 + i, 10001 + i);
    const std::int64_t pushed = base::SystemClock().BoottimeMicros();
    const Claim next = h.ClaimNext();
    REQUIRE(next.lane_id == "trigger");
    // Its slot comes after what one claim took of the number at most.
    CHECK(next.entries[0].start_not_before_us - pushed < 70000);
  }
}

TEST_CASE("Fair: a number whose lanes are full never delays another", "[dispatcher][fair]") {
  TwoNumbers h(Per(5, absl::Seconds(1)), Per(200, absl::Seconds(1)));
  std::vector<Lane> lanes;
  for (int i = 0; i < 50; ++i) lanes.push_back(h.MakeLane(absl::StrCat("full", i)));
  Lane free = h.MakeLane("free");
  free.sender_id = "s2";
  lanes.push_back(free);
  h.Build(lanes);
  for (int i = 0; i < 50; ++i) h.Fill(lanes[i], 1000 * i, 1000 * i + 20);
  h.Fill(free, 100000, 100400);
  int of_full = 0;
  std::vector<std::int64_t> starts;
  for (const auto& [lane, e] : h.ClaimUntil(220, absl::Seconds(3))) {
    if (lane != "free") {
      ++of_full;
    } else {
      starts.push_back(e.server_slot_us);
    }
  }
  REQUIRE(starts.size() > 150);
  CHECK(of_full <= 16);  // 5 a second
  // 5.04 ms apart, the whole time: no slot was missed for the other's sake.
  const double gap =
      static_cast<double>(starts.back() - starts.front()) / static_cast<double>(starts.size() - 1);
  CHECK(gap < 1.1 * 5040);
}

TEST_CASE("Fair: however often it asks, a worker holds at most 50 ms of sending",
          "[dispatcher][fair]") {
  House h(Per(1000, absl::Seconds(1)));
  const Lane a = h.MakeLane("a"), b = h.MakeLane("b");
  h.Build({a, b});
  h.Settle();
  h.Fill(a, 0, 3000);
  h.Fill(b, 5000, 8000);
  redis::Connection redis({.url = testing::TestRedis().url()});
  std::vector<std::int64_t> starts;
  // So often, and until time has passed: more than it may hold at once has come.
  for (int i = 0; i < 300 || starts.size() <= 51; ++i) {
    REQUIRE(i < 1'000'000);
    // It asks for more than it may.
    const auto claim = h.queue.ClaimNext(h.portfolio.id, 1000, absl::Seconds(5),
                                         absl::Milliseconds(1), In(absl::Seconds(5)));
    REQUIRE(claim.ok());
    const auto after = redis::ServerTime(redis, In(absl::Seconds(5)));
    REQUIRE(after.ok());
    const std::int64_t now = absl::ToUnixMicros(*after);
    for (const ClaimedEntry& e : claim->entries) {
      CHECK(e.server_slot_us - now <= 51000);  // the lead and 50 ms
      starts.push_back(e.server_slot_us);
    }
    const auto held = std::count_if(starts.begin(), starts.end(),
                                    [&](std::int64_t start) { return start > now; });
    CHECK(held <= 51);
  }
}

// Claims are due as early as the longest lead of the last seconds asks for.
TEST_CASE("ClaimNext: one with a short lead reaches what it comes early for", "[dispatcher]") {
  RedisQueueOptions options = House::Options();
  options.longest_lead = absl::Milliseconds(250);
  House h(Per(1000, absl::Seconds(1)), Per(1, absl::Milliseconds(1)), options);
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Settle();
  h.Fill(lane, 0, 4000);
  const bool after_a_long_one = GENERATE(false, true);
  h.lead = after_a_long_one ? absl::Milliseconds(100) : absl::Milliseconds(3);
  REQUIRE(h.ClaimUntil(300, absl::Seconds(10)).size() >= 300);
  h.lead = absl::Milliseconds(3);
  std::size_t claims = 0, messages = 0;
  while (messages < 500) {
    const Claim claim = h.ClaimNext();
    ++claims;
    messages += claim.entries.size();
    if (!claim.entries.empty()) {
      const auto& e = claim.entries;
      CHECK(e.back().server_slot_us - e.front().server_slot_us <= 51'000);
    }
    REQUIRE(claims < 500);
    const auto wait =
        absl::Microseconds(claim.next_claim_us - base::SystemClock().BoottimeMicros());
    base::SystemClock().SleepFor(std::max(wait, absl::ZeroDuration()), {});
  }
  CHECK(messages / claims >= 8);
}

}  // namespace
}  // namespace kabar::dispatcher
