// The portfolio's limit: unique recipients outside windows in the moving 24 h. Uses that leave the
// 24 h while a test runs come from the ledger that Redis is built from.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
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

constexpr std::int64_t kDayUs = 24LL * 3600 * 1000000;

// Two numbers of one portfolio.
struct TwoNumbers : House {
  explicit TwoNumbers(std::int64_t limit, std::int64_t reserve = 0) {
    portfolio.messaging_limit = limit;
    portfolio.trigger_reserve = reserve;
    other = sender;
    other.id = "s2";
  }

  Lane LaneOf(const Sender& of, const std::string& id, int priority = 10) {
    Lane lane = MakeLane(id, std::nullopt, priority);
    lane.sender_id = of.id;
    return lane;
  }

  void Build(const std::vector<Lane>& lanes) {
    REQUIRE(queue.Rebuild(portfolio, {sender, other}, lanes, store, In(absl::Seconds(10))).ok());
  }

  void Push(const Lane& lane, const std::vector<std::int64_t>& recipients) {
    std::vector<QueueEntry> entries;
    for (const std::int64_t r : recipients) {
      entries.push_back({.message_id = absl::StrCat(lane.id, "-", ++made), .recipient_id = r});
    }
    REQUIRE(queue.Push(lane, entries, In(absl::Seconds(5))).ok());
  }

  // Whom the claims until nothing more comes at once bring.
  std::multiset<std::int64_t> Drain() {
    std::multiset<std::int64_t> who;
    for (const auto& [lane, e] : ClaimUntil(10000, absl::Milliseconds(300))) {
      who.insert(e.entry.recipient_id);
    }
    return who;
  }

  void SetLimit(std::int64_t limit, std::int64_t reserve = 0) {
    portfolio.messaging_limit = limit;
    portfolio.trigger_reserve = reserve;
    REQUIRE(queue.PutPortfolio(portfolio, In(absl::Seconds(5))).ok());
  }

  // A use that leaves the 24 h that long from now (a rebuild keeps it 50 ms longer).
  void UsedUntil(std::int64_t recipient, absl::Duration from_now) {
    store.recent.push_back(
        {.recipient_id = recipient, .last_use = absl::Now() - absl::Hours(24) + from_now});
  }

  Sender other;
  int made = 0;
};

struct Use {
  std::int64_t recipient;
  std::int64_t earliest;  // of its request's start, on the server's clock
  std::int64_t latest;
};

// The most unique recipients in any window of 24 h, each use at its worst moment for that window:
// what was there before as late as it can be, what came as early.
std::size_t MostInDay(const std::vector<Use>& uses) {
  std::size_t most = 0;
  for (const Use& last : uses) {
    const std::int64_t end = last.earliest;
    std::set<std::int64_t> who;
    for (const Use& use : uses) {
      if (use.earliest <= end && use.latest > end - kDayUs) who.insert(use.recipient);
    }
    most = std::max(most, who.size());
  }
  return most;
}

std::vector<std::int64_t> Range(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (; from < to; ++from) all.push_back(from);
  return all;
}

TEST_CASE("Quota: no window of 24 h holds more than the limit, whatever is asked of two numbers",
          "[dispatcher][quota]") {
  const auto seed = static_cast<unsigned>(absl::ToUnixMicros(absl::Now()));
  INFO("seed " << seed);
  std::mt19937 draw(seed);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(draw);
  };
  const std::int64_t limit = pick(8, 20);
  TwoNumbers h(limit, pick(0, 3));
  std::vector<Use> uses;
  // They leave one by one while the test runs; some are written to again before they do.
  for (int i = 0; i < limit; ++i) {
    h.UsedUntil(1 + i, absl::Milliseconds(pick(150, 1500)));
    const std::int64_t at = absl::ToUnixMicros(h.store.recent.back().last_use);
    uses.push_back({1 + i, at, at});
  }
  std::set<std::pair<std::string, std::int64_t>> inside;
  for (int i = 0; i < 6; ++i) {
    const std::string number = pick(0, 1) ? "s1" : "s2";
    const std::int64_t who = pick(1, 60);
    h.store.windows.push_back(
        {.sender_id = number, .recipient_id = who, .last_inbound = absl::Now()});
    inside.insert({number, who});
  }
  const std::vector<Lane> lanes = {h.LaneOf(h.sender, "a1"), h.LaneOf(h.sender, "a2"),
                                   h.LaneOf(h.other, "b1"), h.LaneOf(h.other, "t", 0)};
  h.Build(lanes);
  std::map<std::string, Lane> by_id;
  for (const Lane& lane : lanes) by_id[lane.id] = lane;
  std::size_t pushed = 0, claimed = 0, free = 0;
  const absl::Time end = In(absl::Milliseconds(2500));
  while (absl::Now() < end) {
    if (pick(0, 3) == 0 && pushed < 400) {
      const Lane& lane = lanes[static_cast<std::size_t>(pick(0, 3))];
      std::vector<std::int64_t> to;
      for (int i = pick(1, 6); i > 0; --i) to.push_back(pick(1, 60));
      h.Push(lane, to);
      pushed += to.size();
    }
    const Claim claim = h.ClaimNext(pick(1, 5));
    for (const ClaimedEntry& e : claim.entries) {
      ++claimed;
      const std::int64_t r = e.entry.recipient_id;
      if (inside.contains({by_id[claim.lane_id].sender_id, r})) {
        ++free;
        continue;
      }
      uses.push_back({r, e.server_slot_us, e.server_slot_us + 50000});
    }
    base::SystemClock().SleepFor(absl::Milliseconds(1), {});
  }
  CHECK(MostInDay(uses) <= static_cast<std::size_t>(limit));
  CHECK(claimed > 20);
  CHECK(uses.size() > 2 * static_cast<std::size_t>(limit));
  CAPTURE(free);
}

// A number's slots lie up to 50 ms ahead, so of two numbers' claims the later may give the earlier
// slot. Here the first number's third slot lies behind the second number's first.
struct TwoPaces : TwoNumbers {
  explicit TwoPaces(std::int64_t limit) : TwoNumbers(limit) {
    sender.throughput = Per(50, absl::Seconds(1));
    other.throughput = Per(1000, absl::Seconds(1));
    store.windows = {{.sender_id = "s1", .recipient_id = 900, .last_inbound = absl::Now()},
                     {.sender_id = "s1", .recipient_id = 901, .last_inbound = absl::Now()}};
    Build({slow, fast});
    base::SystemClock().SleepFor(absl::Milliseconds(200), {});  // past the block of all pairs
  }

  std::int64_t SlotOf(const Claim& claim, std::int64_t recipient) {
    for (const ClaimedEntry& e : claim.entries) {
      if (e.entry.recipient_id == recipient) return e.server_slot_us;
    }
    return 0;
  }

  Lane slow = LaneOf(sender, "slow");
  Lane fast = LaneOf(other, "fast");
  redis::Connection redis{{.url = testing::TestRedis().url()}};
};

TEST_CASE("Quota: a claim finds no place that is free only at its slot", "[dispatcher][quota]") {
  TwoPaces h(2);
  const auto now = redis::ServerTime(h.redis, In(absl::Seconds(5)));
  REQUIRE(now.ok());
  const std::int64_t leave = absl::ToUnixMicros(*now) + 25000;
  const std::string score = absl::StrCat(leave - kDayUs);
  REQUIRE(
      h.redis.Command({"ZADD", "kabar:{p1}:uniq", score, "101", score, "102"}, In(absl::Seconds(5)))
          .ok());
  std::vector<Use> uses = {{101, leave - kDayUs, leave - kDayUs},
                           {102, leave - kDayUs, leave - kDayUs}};
  h.Push(h.slow, {900, 901, 1});
  const Claim first = h.ClaimNext();
  REQUIRE(first.entries.size() >= 2);
  h.Push(h.fast, {2});
  for (const Claim& claim : {first, h.ClaimNext()}) {
    for (const std::int64_t who : {1, 2}) {
      const std::int64_t at = h.SlotOf(claim, who);
      if (at != 0) uses.push_back({who, at, at + 8000});
    }
  }
  CHECK(MostInDay(uses) <= 2);
  CHECK(h.ClaimUntil(2, absl::Seconds(1)).size() + uses.size() == 4);  // later both have gone
}

TEST_CASE("Quota: a use never moves back", "[dispatcher][quota]") {
  TwoPaces h(1);
  h.Push(h.slow, {900, 901, 7});
  const Claim first = h.ClaimNext();
  h.Push(h.fast, {7});
  const Claim second = h.ClaimNext();
  REQUIRE(h.SlotOf(second, 7) != 0);
  REQUIRE(h.SlotOf(first, 7) > h.SlotOf(second, 7));
  const auto score = h.redis.Command({"ZSCORE", "kabar:{p1}:uniq", "7"}, In(absl::Seconds(5)));
  REQUIRE(score.ok());
  CHECK(std::stod(score->text) >= static_cast<double>(h.SlotOf(first, 7)));
}

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
