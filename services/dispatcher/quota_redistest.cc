// The portfolio's limit: unique recipients outside windows in the moving 24 h. Uses that leave the
// 24 h while a test runs come from the ledger that Redis is built from.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/priority.h"
#include "libs/redis/connection.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/testing/quota_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::In;
using testing_queue::Per;
using testing_queue::Range;
using testing_queue::TwoNumbers;

TEST_CASE("Quota: numbers share it; who was written to and who wrote cost nothing",
          "[dispatcher][quota]") {
  TwoNumbers h(5);
  h.UsedUntil(101, absl::Hours(3));
  h.UsedUntil(102, absl::Hours(4));
  h.store.windows = {{.sender_id = "s1", .recipient_id = 900, .last_inbound = absl::Now()}};
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, {1, 2, 101, 900});
  CHECK(h.Drain() == std::multiset<std::int64_t>{1, 2, 101, 900});
  h.Push(b, {1, 3, 4, 102, 900});  // 900 wrote to the other number
  const auto second = h.Drain();
  CHECK(second == std::multiset<std::int64_t>{1, 3, 102});
  h.Push(a, {3, 5});  // 3 was written to by the other number
  CHECK(h.Drain() == std::multiset<std::int64_t>{3});
  CHECK(*h.queue.LaneLength(a, In(absl::Seconds(5))) == 1);
  CHECK(*h.queue.LaneLength(b, In(absl::Seconds(5))) == 2);
}

TEST_CASE("Quota: campaigns stop at the limit less the reserve, triggers at the limit",
          "[dispatcher][quota]") {
  TwoNumbers h(10, 3);
  const Lane campaign = h.LaneOf(h.sender, "c"), trigger = h.LaneOf(h.other, "t", 0);
  h.Build({campaign, trigger});
  h.Push(campaign, Range(1, 30));
  CHECK(h.Drain().size() == 7);
  h.Push(trigger, Range(101, 130));
  CHECK(h.Drain().size() == 3);

  SECTION("no reserve: the campaign finds no place, the limit is used up") {
    h.SetLimit(10, 0);
    CHECK(h.Drain().empty());
  }
  SECTION("a greater limit is in force at once, its reserve too") {
    h.SetLimit(20, 10);
    CHECK(h.Drain() ==
          std::multiset<std::int64_t>{104, 105, 106, 107, 108, 109, 110, 111, 112, 113});
  }
  SECTION("a smaller one too") {
    h.SetLimit(5, 0);
    h.Push(campaign, {1, 500});  // 1 is counted already
    CHECK(h.Drain() == std::multiset<std::int64_t>{1});
  }
  SECTION("no limit: all go") {
    h.SetLimit(0);
    CHECK(h.Drain().size() == 22 + 26);
  }
}

TEST_CASE("Quota: the reserve is for lanes before the campaigns' priority, and for no others",
          "[dispatcher][quota]") {
  TwoNumbers h(5, 2);
  const Lane late = h.LaneOf(h.sender, "late", base::kCampaignPriority);
  const Lane first = h.LaneOf(h.other, "first", base::kCampaignPriority - 1);
  h.Build({late, first});
  h.Push(late, Range(1, 30));
  CHECK(h.Drain().size() == 3);
  h.Push(first, Range(101, 130));
  CHECK(h.Drain().size() == 2);
}

TEST_CASE("Quota: unset, a tenth of the limit is kept", "[dispatcher][quota]") {
  TwoNumbers h(20);
  h.portfolio.trigger_reserve.reset();
  const Lane campaign = h.LaneOf(h.sender, "c");
  h.Build({campaign});
  h.Push(campaign, Range(1, 30));
  CHECK(h.Drain().size() == 18);
}

TEST_CASE("Quota: who finds no place spends nothing and holds up nobody", "[dispatcher][quota]") {
  TwoNumbers h(1);
  h.sender.throughput = Per(50, absl::Seconds(1));  // 20 ms apart
  h.UsedUntil(101, absl::Hours(1));
  Lane lane = h.LaneOf(h.sender, "l");
  lane.rate = Per(50, absl::Seconds(1));
  h.Build({lane});
  h.Settle();
  h.Push(lane, Range(1, 600));  // more than one claim looks at
  h.Push(lane, {101, 101});
  const auto before = absl::Now();
  const auto all = h.ClaimUntil(1, absl::Seconds(2));
  REQUIRE(all.size() == 1);
  CHECK(all[0].second.entry.recipient_id == 101);
  // Neither the number's slots nor the lane's went to those who wait.
  CHECK(absl::Now() - before < absl::Milliseconds(200));
  CHECK(all[0].second.server_slot_us < absl::ToUnixMicros(before) + 200000);
  // Nor their pairs: with a greater limit they go at once.
  h.SetLimit(3);
  CHECK(h.ClaimUntil(3, absl::Seconds(1)).size() == 3);  // two of them and the other 101
}

TEST_CASE("Quota: nothing is asked until the oldest leaves, and then one goes",
          "[dispatcher][quota]") {
  TwoNumbers h(2);
  h.UsedUntil(1001, absl::Milliseconds(600));
  h.UsedUntil(1002, absl::Seconds(30));
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, Range(1, 300));
  h.Push(b, Range(301, 600));
  auto& clock = base::SystemClock();
  std::vector<std::int64_t> came;
  int looks = 0;
  const absl::Time start = absl::Now(), end = In(absl::Milliseconds(800));
  while (absl::Now() < end) {
    const Claim claim = h.ClaimNext();
    ++looks;
    for (const auto& e : claim.entries) came.push_back(e.server_slot_us);
    const auto wait = absl::Microseconds(claim.next_claim_us - clock.BoottimeMicros());
    clock.SleepFor(std::clamp(wait, absl::ZeroDuration(), end - absl::Now()), {});
  }
  REQUIRE(came.size() == 1);
  CHECK(came[0] - absl::ToUnixMicros(start) < 800000);
  CHECK(looks < 12);
}

TEST_CASE("Quota: lanes that wait take turns", "[dispatcher][quota]") {
  TwoNumbers h(0);
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.sender, "b");
  h.portfolio.messaging_limit = 1;
  h.UsedUntil(1000, absl::Hours(1));
  h.Build({a, b});
  h.Push(a, Range(1, 300));
  h.Push(b, Range(301, 600));
  CHECK(h.Drain().empty());
  int of_a = 0, of_b = 0;
  for (int limit = 2; limit <= 11; ++limit) {
    h.SetLimit(limit);
    const auto who = h.Drain();
    REQUIRE(who.size() == 1);
    (*who.begin() <= 300 ? of_a : of_b) += 1;
  }
  CHECK(of_a == 5);
  CHECK(of_b == 5);
}

TEST_CASE("Quota: who waits goes as soon as he costs nothing", "[dispatcher][quota]") {
  TwoNumbers h(1);
  h.UsedUntil(101, absl::Hours(1));
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, Range(1, 5));
  h.Push(b, Range(1, 5));
  CHECK(h.Drain().empty());

  SECTION("he wrote to that number") {
    REQUIRE(h.queue.OpenWindow("p1", "s1", 3, absl::Now(), In(absl::Seconds(5))).ok());
    CHECK(h.Drain() == std::multiset<std::int64_t>{3});
    CHECK(*h.queue.LaneLength(a, In(absl::Seconds(5))) == 3);
    CHECK(*h.queue.LaneLength(b, In(absl::Seconds(5))) == 4);
  }
  SECTION("another lane wrote to him") {
    h.SetLimit(2);
    const auto who = h.Drain();  // one place, both lanes' messages to him
    REQUIRE(who.size() == 2);
    CHECK(*who.begin() == *who.rbegin());
  }
}

TEST_CASE("Quota: a lane's end, pause and resume while it waits", "[dispatcher][quota]") {
  TwoNumbers h(1);
  h.UsedUntil(101, absl::Hours(1));
  Lane a = h.LaneOf(h.sender, "a");
  h.Build({a});
  h.Push(a, Range(1, 5));
  CHECK(h.Drain().empty());
  a.state = LaneState::kPaused;
  REQUIRE(h.queue.PutLane(a, In(absl::Seconds(5))).ok());
  h.SetLimit(2);
  CHECK(h.Drain().empty());
  SECTION("resumed: it goes on") {
    a.state = LaneState::kRunning;
    REQUIRE(h.queue.PutLane(a, In(absl::Seconds(5))).ok());
    CHECK(h.Drain() == std::multiset<std::int64_t>{1});
  }
  SECTION("cancelled: nothing of it is left") {
    a.state = LaneState::kCancelled;
    REQUIRE(h.queue.PutLane(a, In(absl::Seconds(5))).ok());
    CHECK(*h.queue.LaneLength(a, In(absl::Seconds(5))) == 0);
    redis::Connection redis({.url = testing::TestRedis().url()});
    const auto who = redis.Command({"EXISTS", "kabar:{p1}:who"}, In(absl::Seconds(5)));
    REQUIRE(who.ok());
    CHECK(who->integer == 0);
  }
  SECTION("replaced by the sweeper: each once") {
    a.state = LaneState::kRunning;
    REQUIRE(h.queue
                .ReplaceLane(a,
                             {{.message_id = "a-1", .recipient_id = 1},
                              {.message_id = "a-2", .recipient_id = 2}},
                             In(absl::Seconds(5)))
                .ok());
    CHECK(h.Drain() == std::multiset<std::int64_t>{1});
    CHECK(*h.queue.LaneLength(a, In(absl::Seconds(5))) == 1);
  }
}

TEST_CASE("ReadQuota: who counts until when, and what each lane holds", "[dispatcher][quota]") {
  TwoNumbers h(3);
  h.UsedUntil(1001, absl::Minutes(12));
  h.UsedUntil(1002, absl::Hours(20));
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, {1, 2, 3});
  CHECK(h.Drain().size() == 1);
  const auto quota = h.queue.ReadQuota("p1", {"a", "b", "none"}, In(absl::Seconds(5)));
  REQUIRE(quota.ok());
  CHECK(quota->queued == std::vector<std::int64_t>{2, 0, 0});
  std::vector<std::pair<std::int64_t, std::int64_t>> uses;
  for (const QuotaUse& use : quota->uses) {
    uses.emplace_back(absl::ToInt64Minutes(use.until - quota->now), use.recipients);
  }
  CHECK(uses == std::vector<std::pair<std::int64_t, std::int64_t>>{{15, 1}, {1200, 1}, {1440, 1}});
}

TEST_CASE("Quota: an id that waits and is pushed again stays there once", "[dispatcher][quota]") {
  TwoNumbers h(1);
  h.UsedUntil(101, absl::Hours(1));
  const Lane a = h.LaneOf(h.sender, "a");
  h.Build({a});
  h.Push(a, {1});
  CHECK(h.Drain().empty());
  REQUIRE(
      h.queue.PushAgain(a, {{.message_id = "a-1", .recipient_id = 1}}, In(absl::Seconds(5))).ok());
  CHECK(*h.queue.LaneLength(a, In(absl::Seconds(5))) == 1);
}

TEST_CASE("Quota: who leaves unlimited portfolios is forgotten too", "[dispatcher][quota]") {
  TwoNumbers h(0);
  h.UsedUntil(101, -absl::Minutes(5));
  h.UsedUntil(102, absl::Hours(1));
  const Lane a = h.LaneOf(h.sender, "a");
  h.Build({a});
  h.Settle();
  h.ClaimNext();
  redis::Connection redis({.url = testing::TestRedis().url()});
  const auto left = redis.Command({"ZCARD", "kabar:{p1}:uniq"}, In(absl::Seconds(5)));
  REQUIRE(left.ok());
  CHECK(left->integer == 1);
}

}  // namespace
}  // namespace kabar::dispatcher
