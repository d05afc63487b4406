// What metrics show of the queue: how much waits, and how much of it could go now.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/testing/status_matchers.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;

struct Looked : House {
  using House::House;
  SenderFigures Look(const std::vector<std::string>& lanes = {"a"}) {
    const auto figures = queue.LookAt(sender, lanes, absl::Seconds(1), In(absl::Seconds(5)));
    REQUIRE_THAT(figures, testing::IsOk());
    return *figures;
  }
};

TEST_CASE("LookAt: claimable is what number and lanes would let go within a second",
          "[dispatcher][redis]") {
  Looked h(Per(20, absl::Seconds(1)));
  const Lane a = h.MakeLane("a", Per(5, absl::Seconds(1))), b = h.MakeLane("b");
  h.Build({a, b});
  h.Settle();
  CHECK(h.Look().claimable == 0);
  h.Fill(a, 0, 3);
  CHECK(h.Look().waiting == 3);
  CHECK(h.Look().claimable == 3);
  h.Fill(a, 3, 100);
  // Its own rate: the one that is due now, and those that become due until the second is over.
  CHECK(h.Look().claimable >= 4);
  CHECK(h.Look().claimable <= 6);
  h.Fill(b, 100, 300);
  // The number's.
  CHECK(h.Look({"a", "b"}).waiting == 300);
  CHECK(h.Look({"a", "b"}).claimable >= 19);
  CHECK(h.Look({"a", "b"}).claimable <= 21);
}

TEST_CASE(
    "LookAt: a paused lane or number, and one whose circuit is open, has work but none to claim",
    "[dispatcher][redis]") {
  Looked h;
  Lane a = h.MakeLane("a");
  h.Build({a});
  h.Settle();
  h.Fill(a, 0, 50);
  REQUIRE(h.Look().claimable == 50);
  SECTION("the lane is paused by its campaign") {
    a.state = LaneState::kPaused;
    REQUIRE_THAT(h.queue.PutLane(a, In(absl::Seconds(5))), testing::IsOk());
  }
  SECTION("the lane is held by an operator") {
    a.held = true;
    REQUIRE_THAT(h.queue.PutLane(a, In(absl::Seconds(5))), testing::IsOk());
  }
  SECTION("the number is stopped") {
    h.sender.state = SenderState::kStopped;
    REQUIRE_THAT(h.queue.PutSender(h.sender, In(absl::Seconds(5))), testing::IsOk());
  }
  SECTION("the number is held by an operator") {
    h.sender.held = true;
    REQUIRE_THAT(h.queue.PutSender(h.sender, In(absl::Seconds(5))), testing::IsOk());
    CHECK(h.ClaimNext().entries.empty());
  }
  SECTION("its circuit is open") {
    const auto health = h.queue.TellSender(
        "p1", "s1", {.failures = 1000, .failed_slot_us = absl::ToUnixMicros(In(absl::Hours(1)))},
        In(absl::Seconds(5)));
    REQUIRE_THAT(health, testing::IsOk());
    REQUIRE(health->open);
  }
  CHECK(h.Look().waiting == 50);
  CHECK(h.Look().claimable == 0);
}

TEST_CASE("LookAt: a number that has spent its rate has nothing to claim; what it spent is counted",
          "[dispatcher][redis]") {
  Looked h(Per(1, absl::Seconds(30)));
  const Lane a = h.MakeLane("a");
  h.Build({a});
  h.Fill(a, 0, 10);
  // The rebuild leaves every bucket empty: not a slot for 30 s.
  CHECK(h.Look().claimable == 0);
  CHECK(h.Look().waiting == 10);
  CHECK(h.Look().spent == 0);

  Looked fast;
  fast.Build({a});
  fast.Settle();
  fast.Fill(a, 0, 10);
  REQUIRE(fast.ClaimNext(7).entries.size() == 7);
  CHECK(fast.Look().spent == 7);
  CHECK(fast.Look().waiting == 3);
}

TEST_CASE("LookAt: with the 24 hours used up only those count who cost nothing",
          "[dispatcher][redis]") {
  Looked h;
  h.portfolio.messaging_limit = 5;
  const Lane a = h.MakeLane("a");
  h.Build({a});
  h.Settle();
  h.Fill(a, 0, 5);
  REQUIRE(h.ClaimNext().entries.size() == 5);
  h.Settle();
  h.Fill(a, 5, 25);
  CHECK(h.Look().waiting == 20);
  CHECK(h.Look().claimable == 0);
  // Two of them had a message within the day, a third one wrote: they are free.
  std::vector<QueueEntry> again = {{.message_id = "x-1", .recipient_id = 1},
                                   {.message_id = "x-2", .recipient_id = 2}};
  REQUIRE_THAT(h.queue.Push(a, again, In(absl::Seconds(5))), testing::IsOk());
  REQUIRE_THAT(h.queue.OpenWindow("p1", "s1", 10, absl::Now(), In(absl::Seconds(5))),
               testing::IsOk());
  CHECK(h.Look().claimable == 3);
}

TEST_CASE("LookAt: more lanes than one call takes", "[dispatcher][redis]") {
  Looked h;
  std::vector<Lane> lanes;
  std::vector<std::string> ids;
  for (int i = 0; i < 450; ++i) {
    lanes.push_back(h.MakeLane(absl::StrCat("l", i)));
    ids.push_back(lanes.back().id);
  }
  h.Build(lanes);
  h.Settle();
  for (const Lane& lane : lanes) h.Fill(lane, 0, 2);
  CHECK(h.Look(ids).waiting == 900);
  CHECK(h.Look(ids).claimable == 900);
}

}  // namespace
}  // namespace kabar::dispatcher
