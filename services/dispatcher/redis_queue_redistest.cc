#include "services/dispatcher/redis_queue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;

// The most starts in any window, were each request started as late as its slot allows or as early.
std::size_t MostInWindow(const std::vector<std::pair<std::string, ClaimedEntry>>& claimed,
                         std::int64_t window_us) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    const std::int64_t end = claimed[i].second.start_not_after_us + window_us;
    std::size_t n = 0;
    for (std::size_t k = i; k < claimed.size(); ++k) {
      if (claimed[k].second.start_not_before_us < end) ++n;
    }
    most = std::max(most, n);
  }
  return most;
}

TEST_CASE("GiveBack: the recipient of an unsent message need not wait for his pair's interval",
          "[dispatcher]") {
  House h(Per(100000, absl::Seconds(1)), Per(1, absl::Minutes(1)));
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  const QueueEntry entry{.message_id = "m", .recipient_id = 7};
  const auto claim_again = [&](absl::Duration limit = absl::Milliseconds(200)) {
    REQUIRE(h.queue.Push(lane, {entry}, In(absl::Seconds(5))).ok());
    std::vector<ClaimedEntry> claimed;
    for (auto& [of, e] : h.ClaimUntil(1, limit)) claimed.push_back(e);
    return claimed;
  };
  const auto give_back = [&](const ClaimedEntry& unsent) {
    REQUIRE(h.queue.GiveBack("p1", "s1", {unsent}, In(absl::Seconds(5))).ok());
  };
  const auto first = claim_again(absl::Seconds(5));
  REQUIRE(first.size() == 1);

  SECTION("given back: claimed again at once") {
    give_back(first[0]);
    const auto second = claim_again(absl::Seconds(5));
    REQUIRE(second.size() == 1);
    CHECK(second[0].server_slot_us > first[0].server_slot_us);
    // That one was sent. What is told of the first once more frees nothing.
    give_back(first[0]);
    CHECK(claim_again().empty());
  }
  SECTION("not given back: he waits") { CHECK(claim_again().empty()); }
  SECTION("of another recipient: he waits") {
    ClaimedEntry other = first[0];
    other.entry.recipient_id = 8;
    give_back(other);
    CHECK(claim_again().empty());
  }
  SECTION("an emptied Redis is told nothing") {
    testing::TestRedis().FlushAll();
    const auto status = h.queue.GiveBack("p1", "s1", {first[0]}, In(absl::Seconds(5)));
    CHECK(base::GetReason(status) == "QUEUE_NOT_BUILT");
  }
}

TEST_CASE("GiveBack: whatever goes back, two sends to a pair never fall into its interval",
          "[dispatcher]") {
  const absl::Duration interval = absl::Milliseconds(40);
  House h(Per(100000, absl::Seconds(1)), Per(1, interval));
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  const int kRecipients = 3, kMessages = 60;
  std::vector<QueueEntry> entries;
  for (int i = 0; i < kMessages; ++i) {
    entries.push_back({.message_id = absl::StrCat("m", i), .recipient_id = 1 + i % kRecipients});
  }
  REQUIRE(h.queue.Push(lane, entries, In(absl::Seconds(5))).ok());
  std::map<std::int64_t, std::vector<ClaimedEntry>> sent;
  int sends = 0, returns = 0;
  const absl::Time end = In(absl::Seconds(10));
  while (sends < kMessages && absl::Now() < end) {
    std::vector<ClaimedEntry> unsent;
    std::vector<QueueEntry> again;
    for (const ClaimedEntry& e : h.ClaimNext().entries) {
      // Two of three go back the first times, so that pairs are freed and taken all the time.
      if (returns < 2 * kMessages && (sends + returns) % 3 != 0) {
        ++returns;
        unsent.push_back(e);
        again.push_back(e.entry);
      } else {
        ++sends;
        sent[e.entry.recipient_id].push_back(e);
      }
    }
    if (unsent.empty()) continue;
    REQUIRE(h.queue.GiveBack("p1", "s1", unsent, In(absl::Seconds(5))).ok());
    REQUIRE(h.queue.Push(lane, again, In(absl::Seconds(5))).ok());
  }
  REQUIRE(sends == kMessages);
  CHECK(returns > kMessages / 2);
  for (auto& [recipient, starts] : sent) {
    for (std::size_t i = 1; i < starts.size(); ++i) {
      CHECK(starts[i].server_slot_us - starts[i - 1].server_slot_us >=
            absl::ToInt64Microseconds(interval));
    }
  }
}

TEST_CASE("ClaimNext: gives each pushed id once, in order, each with a slot", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 500);
  auto all = h.ClaimUntil(500, absl::Seconds(5));
  REQUIRE(all.size() == 500);
  for (int i = 0; i < 500; ++i) {
    CHECK(all[i].second.entry.message_id == absl::StrCat("l1-", i));
    CHECK(all[i].second.entry.recipient_id == i + 1);
    if (i > 0) CHECK(all[i].second.server_slot_us > all[i - 1].second.server_slot_us);
  }
  CHECK(*h.queue.LaneLength(lane, In(absl::Seconds(5))) == 0);
}

TEST_CASE("ClaimNext: a lane's rate holds in every sliding window", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1", Per(20, absl::Milliseconds(200)));
  h.Build({lane});
  h.Fill(lane, 0, 100);
  auto all = h.ClaimUntil(60, absl::Seconds(5));
  REQUIRE(all.size() >= 60);
  CHECK(MostInWindow(all, 200000) <= 20);
}

TEST_CASE("ClaimNext: the number's throughput is shared by all its lanes", "[dispatcher]") {
  House h(Per(40, absl::Milliseconds(200)));
  const Lane a = h.MakeLane("a"), b = h.MakeLane("b");
  h.Build({a, b});
  h.Fill(a, 0, 100);
  h.Fill(b, 1000, 1100);
  auto all = h.ClaimUntil(120, absl::Seconds(5));
  REQUIRE(all.size() >= 120);
  CHECK(MostInWindow(all, 200000) <= 40);
  const auto from_a =
      std::count_if(all.begin(), all.begin() + 120, [](const auto& e) { return e.first == "a"; });
  CHECK(from_a >= 40);  // equals share the number
  CHECK(from_a <= 80);
}

TEST_CASE("ClaimNext: slots are longer where both rates are fast, and no window holds more for it",
          "[dispatcher]") {
  House h;
  const Lane fast = h.MakeLane("fast", Per(4000, absl::Seconds(1)));
  const Lane slow = h.MakeLane("slow", Per(1000, absl::Seconds(1)));
  h.Build({fast, slow});
  h.Settle();
  h.Fill(slow, 5000, 5001);
  const auto length = [](const Claim& claim) {
    REQUIRE(!claim.entries.empty());
    const ClaimedEntry& e = claim.entries[0];
    return absl::Microseconds(e.start_not_after_us - e.start_not_before_us);
  };
  CHECK(length(h.ClaimNext()) <= h.lead + absl::Milliseconds(5));
  h.Fill(fast, 0, 4600);
  const Claim first = h.ClaimNext();
  CHECK(first.lane_id == "fast");
  CHECK(length(first) > absl::Milliseconds(10));
  CHECK(length(first) <= absl::Milliseconds(50));
  const auto all = h.ClaimUntil(4300, absl::Seconds(20));
  REQUIRE(all.size() >= 4300);
  CHECK(MostInWindow(all, 1000000) <= 4000);
}

TEST_CASE("ClaimNext: the smaller priority goes first", "[dispatcher]") {
  House h;
  const Lane campaign = h.MakeLane("campaign"), trigger = h.MakeLane("trigger", std::nullopt, 0);
  h.Build({campaign, trigger});
  h.Settle();
  h.Fill(campaign, 0, 1000);
  h.ClaimNext(10);
  h.Fill(trigger, 5000, 5003);
  const Claim next = h.ClaimNext(10);
  CHECK(next.lane_id == "trigger");
  CHECK(next.entries.size() == 3);
}

TEST_CASE("ClaimNext: one recipient waits for his pair interval without blocking the lane",
          "[dispatcher]") {
  House h(Per(100000, absl::Seconds(1)), Per(1, absl::Milliseconds(300)));
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  // After a rebuild every pair is blocked for an interval.
  REQUIRE(h.queue
              .Push(lane,
                    {{.message_id = "x1", .recipient_id = 7},
                     {.message_id = "x2", .recipient_id = 7},
                     {.message_id = "y", .recipient_id = 8}},
                    In(absl::Seconds(5)))
              .ok());
  auto all = h.ClaimUntil(3, absl::Seconds(5));
  REQUIRE(all.size() == 3);
  std::map<std::string, std::int64_t> slot;
  for (const auto& [l, e] : all) slot[e.entry.message_id] = e.start_not_before_us;
  CHECK(slot["x2"] - slot["x1"] >= 300000);
  CHECK(slot["y"] < slot["x2"]);
}

TEST_CASE("ClaimNext: no more unique recipients in 24 h than the portfolio may have",
          "[dispatcher]") {
  House h;
  h.portfolio.messaging_limit = 5;
  h.store.recent = {{.recipient_id = 101, .last_use = absl::Now() - absl::Hours(1)},
                    {.recipient_id = 102, .last_use = absl::Now() - absl::Hours(2)}};
  h.store.windows = {{.sender_id = "s1", .recipient_id = 900, .last_inbound = absl::Now()}};
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 10);     // recipients 1..10, all new
  h.Fill(lane, 100, 101);  // recipient 101: counted already
  h.Fill(lane, 899, 900);  // recipient 900: inside his window
  auto all = h.ClaimUntil(12, absl::Milliseconds(500));
  std::set<std::int64_t> who;
  for (const auto& [l, e] : all) who.insert(e.entry.recipient_id);
  CHECK(who == std::set<std::int64_t>{1, 2, 3, 101, 900});
  CHECK(*h.queue.LaneLength(lane, In(absl::Seconds(5))) == 7);  // they wait, none is lost
}

TEST_CASE("CloseWindow: whom the provider calls outside his window counts again", "[dispatcher]") {
  House h;
  h.portfolio.messaging_limit = 1;
  h.store.windows = {{.sender_id = "s1", .recipient_id = 1, .last_inbound = absl::Now()},
                     {.sender_id = "s1", .recipient_id = 2, .last_inbound = absl::Now()}};
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  const absl::Time soon = In(absl::Seconds(5));
  REQUIRE(h.queue.CloseWindow(h.portfolio.id, "s1", 1, soon).ok());
  REQUIRE(h.queue.CloseWindow(h.portfolio.id, "s1", 99, soon).ok());  // has none
  h.Fill(lane, 0, 3);  // 1 takes the only place, 2 needs none, 3 finds none
  std::set<std::int64_t> who;
  for (const auto& [l, e] : h.ClaimUntil(3, absl::Milliseconds(500))) {
    who.insert(e.entry.recipient_id);
  }
  CHECK(who == std::set<std::int64_t>{1, 2});
}

TEST_CASE("ClaimNext: says for whom it counted no place since he wrote", "[dispatcher]") {
  House h;
  h.portfolio.messaging_limit = 100;
  Lane lane = h.MakeLane("l1");
  h.Build({lane});
  REQUIRE(h.queue.OpenWindow("p1", "s1", 3, absl::Now(), In(absl::Seconds(5))).ok());
  h.Fill(lane, 0, 5);
  const auto claimed = h.ClaimUntil(5, absl::Seconds(5));
  REQUIRE(claimed.size() == 5);
  for (const auto& [id, entry] : claimed) {
    CHECK(entry.in_window == (entry.entry.recipient_id == 3));
    CHECK(entry.took_place != entry.in_window);
  }
}

TEST_CASE("PutLane: a paused lane gives nothing, a resumed one goes on", "[dispatcher]") {
  House h;
  Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 10);
  lane.state = LaneState::kPaused;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  CHECK(h.ClaimNext().entries.empty());
  h.Fill(lane, 10, 12);
  CHECK(h.ClaimNext().entries.empty());
  lane.state = LaneState::kRunning;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  CHECK(h.ClaimUntil(12, absl::Seconds(5)).size() == 12);
}

TEST_CASE("PutLane: a changed rate is in force with the next claim, and no older one comes back",
          "[dispatcher]") {
  House h;
  Lane lane = h.MakeLane("l1", Per(1, absl::Milliseconds(400)));
  h.Build({lane});
  h.Fill(lane, 0, 30);
  REQUIRE(h.ClaimUntil(1, absl::Seconds(5)).size() == 1);
  const Lane fast = lane;
  lane.rate = Per(1, absl::Hours(1));
  lane.version = 1;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  REQUIRE(h.queue.PutLane(fast, In(absl::Seconds(5))).ok());  // whoever read it before
  CHECK(h.ClaimUntil(1, absl::Seconds(1)).empty());           // an hour after the last one
  lane.rate = Per(1000, absl::Seconds(1));
  lane.version = 2;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  CHECK(h.ClaimUntil(5, absl::Seconds(5)).size() >= 5);
}

TEST_CASE("PutLane: a lane opened again keeps what it spent", "[dispatcher]") {
  House h;
  Lane lane = h.MakeLane("l1", Per(1, absl::Milliseconds(400)));
  h.Build({lane});
  h.Fill(lane, 0, 1);
  auto first = h.ClaimUntil(1, absl::Seconds(5));
  REQUIRE(first.size() == 1);
  lane.state = LaneState::kClosed;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  lane.state = LaneState::kRunning;
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  h.Fill(lane, 1, 2);
  auto second = h.ClaimUntil(1, absl::Seconds(5));
  REQUIRE(second.size() == 1);
  CHECK(second[0].second.start_not_before_us - first[0].second.start_not_before_us >= 400000);
}

TEST_CASE("Reslot: gives later slots that keep the lane's spacing", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1", Per(100, absl::Seconds(1)));
  h.Build({lane});
  h.Fill(lane, 0, 3);
  auto all = h.ClaimUntil(3, absl::Seconds(5));
  REQUIRE(all.size() == 3);
  auto slots = h.queue.Reslot("p1", "l1", {all[0].second, all[1].second}, In(absl::Seconds(5)));
  REQUIRE(slots.ok());
  REQUIRE(slots->size() == 2);
  CHECK((*slots)[0].start_not_before_us >= all[2].second.start_not_before_us + 9000);
  CHECK((*slots)[1].start_not_before_us >= (*slots)[0].start_not_before_us + 10000);
}

TEST_CASE("WaitForWake: a push wakes a waiting worker", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  (void)h.queue.WaitForWake({"p1"}, absl::Milliseconds(10));  // the token of the build itself
  absl::StatusOr<std::string> woken;
  std::jthread waiter([&] { woken = h.queue.WaitForWake({"p0", "p1"}, absl::Seconds(10)); });
  h.Fill(lane, 0, 1);
  waiter.join();
  REQUIRE(woken.ok());
  CHECK(*woken == "p1");
}

TEST_CASE("PushAgain: an id that is there already costs no second slot", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 3);
  std::vector<QueueEntry> again;
  for (int i = 1; i < 5; ++i) {
    again.push_back({.message_id = absl::StrCat("l1-", i), .recipient_id = i + 1});
  }
  REQUIRE(h.queue.PushAgain(lane, again, In(absl::Seconds(5))).ok());
  REQUIRE(h.queue.PushAgain(lane, again, In(absl::Seconds(5))).ok());
  CHECK(*h.queue.LaneLength(lane, In(absl::Seconds(5))) == 5);
  const auto all = h.ClaimUntil(5, absl::Seconds(5));
  REQUIRE(all.size() == 5);
  CHECK(all[0].second.entry.message_id == "l1-0");
  CHECK(all[4].second.entry.message_id == "l1-4");
}

}  // namespace
}  // namespace kabar::dispatcher
