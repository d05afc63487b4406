// No window of 24 hours holds more unique recipients than the portfolio's limit, whatever is asked,
// in whatever order slots are given.
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
#include "services/dispatcher/testing/quota_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::In;
using testing_queue::kDayUs;
using testing_queue::MostInDay;
using testing_queue::Per;
using testing_queue::TwoNumbers;
using testing_queue::Use;

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
  // They leave one by one while the test runs. Half of them may be written to again before they do;
  // the others never are, so that there are places to be taken, and to be given back.
  for (int i = 0; i < limit; ++i) {
    h.UsedUntil(i % 2 == 0 ? 1 + i : 101 + i, absl::Milliseconds(pick(150, 1500)));
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
  std::size_t pushed = 0, claimed = 0, free = 0, freed = 0, returned = 0;
  std::vector<Claim> refused;  // by the ledger: given back a while later
  const absl::Time end = In(absl::Milliseconds(2500)), at_last = In(absl::Seconds(60));
  // Until the model has had what it is about: a place that was given back.
  while (absl::Now() < end || (returned == 0 && absl::Now() < at_last)) {
    if (pick(0, 3) == 0 && pushed < 400) {
      const Lane& lane = lanes[static_cast<std::size_t>(pick(0, 3))];
      std::vector<std::int64_t> to;
      for (int i = pick(1, 6); i > 0; --i) to.push_back(pick(1, 30));
      h.Push(lane, to);
      pushed += to.size();
    }
    Claim claim = h.ClaimNext(pick(1, 5));
    Claim unsent = claim;
    unsent.entries.clear();
    for (const ClaimedEntry& e : claim.entries) {
      if (pick(0, 2) == 0 || (e.took_place && freed == 0)) {
        unsent.entries.push_back(e);
        freed += e.took_place ? 1 : 0;
        continue;
      }
      ++claimed;
      const std::int64_t r = e.entry.recipient_id;
      if (inside.contains({by_id[claim.lane_id].sender_id, r})) {
        ++free;
        continue;
      }
      uses.push_back({r, e.server_slot_us, e.server_slot_us + 50000});
    }
    if (!unsent.entries.empty()) refused.push_back(std::move(unsent));
    if (!refused.empty() && pick(0, 40) == 0) {
      const auto any = static_cast<std::size_t>(pick(0, static_cast<int>(refused.size()) - 1));
      h.GiveBack(refused[any]);
      for (const ClaimedEntry& e : refused[any].entries) returned += e.took_place ? 1 : 0;
      refused.erase(refused.begin() + static_cast<std::ptrdiff_t>(any));
    }
    base::SystemClock().SleepFor(absl::Milliseconds(1), {});
  }
  CAPTURE(free, freed, returned);
  CHECK(returned > 0);
  CHECK(MostInDay(uses) <= static_cast<std::size_t>(limit));
  CHECK(claimed > 20);
  CHECK(uses.size() > 2 * static_cast<std::size_t>(limit));
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

TEST_CASE("Quota: a claim that is given back leaves its place to the next", "[dispatcher][quota]") {
  TwoNumbers h(2);
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, {1});
  const Claim first = h.ClaimSome();
  h.Push(b, {2, 3, 4});
  CHECK(h.Drain() == std::multiset<std::int64_t>{2});
  h.GiveBack(first);
  CHECK(h.Drain() == std::multiset<std::int64_t>{3});  // on the other number, without being asked
  h.GiveBack(first);                                   // told twice: there is nothing more to free
  CHECK(h.Drain().empty());
  h.Push(a, {1});
  CHECK(h.Drain().empty());  // he has no place any more
}

TEST_CASE("Quota: a claim that missed its slot and got another leaves its place too",
          "[dispatcher][quota]") {
  TwoNumbers h(1);
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");
  h.Build({a, b});
  h.Push(a, {1});
  Claim claim = h.ClaimSome();
  REQUIRE(claim.entries[0].took_place);
  for (int missed = 0; missed < 2; ++missed) {
    const auto again = h.queue.Reslot("p1", "a", claim.entries, In(absl::Seconds(5)));
    REQUIRE(again.ok());
    REQUIRE(again->size() == 1);
    CHECK((*again)[0].took_place);
    CHECK((*again)[0].server_slot_us > claim.entries[0].server_slot_us);
    claim.entries = *again;
  }
  SECTION("given back: it is the next one's") {
    h.Push(b, {2});
    CHECK(h.Drain().empty());
    h.GiveBack(claim);
    CHECK(h.Drain() == std::multiset<std::int64_t>{2});
  }
  SECTION("not if another claim counts on it, nor if one did when it got its slot") {
    const bool before = GENERATE(false, true);
    h.Push(b, {1});
    const Claim other = h.ClaimSome();
    REQUIRE(other.sender_id == "s2");
    if (before) claim.entries = *h.queue.Reslot("p1", "a", claim.entries, In(absl::Seconds(5)));
    CHECK(claim.entries[0].took_place != before);
    h.GiveBack(claim);
    h.Push(b, {2});
    CHECK(h.Drain().empty());
  }
}

TEST_CASE("Quota: a place on which another claim counts is not given back", "[dispatcher][quota]") {
  TwoNumbers h(1);
  h.store.windows = {{.sender_id = "s2", .recipient_id = 9, .last_inbound = absl::Now()}};
  const Lane a = h.LaneOf(h.sender, "a"), b = h.LaneOf(h.other, "b");

  SECTION("of the other number, which may send") {
    const bool both_unsent = GENERATE(false, true);
    h.Build({a, b});
    h.Push(a, {7});
    const Claim first = h.ClaimSome();
    h.Push(b, {7});
    const Claim second = h.ClaimSome();
    h.GiveBack(first);
    if (both_unsent) h.GiveBack(second);  // who knows
  }
  SECTION("of the same claim") {
    h.sender.throughput = Per(50, absl::Seconds(1));  // farther apart than the pair
    h.sender.pair_rate = Per(100, absl::Milliseconds(1));
    h.Build({a, b});
    h.Push(a, {7, 7});
    Claim both = h.ClaimSome();
    REQUIRE(both.entries.size() == 2);
    both.entries.resize(1);
    h.GiveBack(both);
  }
  SECTION("of before: he was written to an hour ago") {
    h.UsedUntil(7, absl::Hours(23));
    h.Build({a, b});
    h.Push(a, {7});
    const Claim again = h.ClaimSome();
    h.GiveBack(again);
  }
  SECTION("by who needed none himself") {
    h.Build({a, b});
    h.Push(a, {9});
    h.ClaimSome();
    h.Push(b, {9});  // he wrote to that number
    const Claim inside = h.ClaimSome();
    h.GiveBack(inside);
  }
  h.Push(a, {8});
  CHECK(h.Drain().empty());
}

}  // namespace
}  // namespace kabar::dispatcher
