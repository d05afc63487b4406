#include "services/dispatcher/claim_turns.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "libs/testing/fake_clock.h"

namespace kabar::dispatcher {
namespace {

struct Turns {
  // The portfolio whose turn it is; the room is given back at once.
  std::string Next() {
    std::string id;
    int room = 0;
    REQUIRE(turns.Next({}, &id, &room));
    turns.NotStarted(room);
    return id;
  }
  testing::FakeClock clock;
  ClaimTurns turns{10, 20, clock};
};

TEST_CASE("ClaimTurns: who is due first comes first, and not again before his time",
          "[dispatcher]") {
  Turns t;
  t.turns.Add({"a", "b"});
  CHECK(t.Next() == "a");
  CHECK(t.Next() == "b");
  t.turns.ScheduleAt("b", t.clock.BoottimeMicros());
  CHECK(t.Next() == "b");
  t.turns.Add({"a", "b"});  // known: no turn by that
  t.turns.ScheduleAt("nobody", 0);
  t.turns.ScheduleAt("a", t.clock.BoottimeMicros() + 500000);
  t.turns.ScheduleAt("b", t.clock.BoottimeMicros() + 400000);
  t.turns.ScheduleAt("b", t.clock.BoottimeMicros() + 900000);  // never later than said before
  t.clock.Advance(absl::Milliseconds(450));
  CHECK(t.Next() == "b");
  t.clock.Advance(absl::Milliseconds(50));
  CHECK(t.Next() == "a");
  t.clock.Advance(absl::Seconds(1));  // nobody said anything: after a second
  CHECK(t.Next() == "b");
}

TEST_CASE("ClaimTurns: a claimer waits for a turn, and for room", "[dispatcher]") {
  Turns t;
  t.turns.Add({"a"});
  std::string id;
  int room = 0;
  REQUIRE(t.turns.Next({}, &id, &room));
  CHECK(room == 10);
  t.turns.Claimed("snd", "lane", 10);
  t.turns.ScheduleAt("a", 0);
  REQUIRE(t.turns.Next({}, &id, &room));
  t.turns.Claimed("snd", "lane", room);
  // Started or not, they are in flight until they are finished.
  for (int i = 0; i < 10 + room; ++i) t.turns.Started();
  CHECK(t.turns.in_flight() == 10 + room);
  while (t.turns.in_flight() < 20) t.turns.Claimed("snd", "lane", 1);
  t.turns.ScheduleAt("a", 0);
  std::stop_source stop;
  std::string next;
  auto waiting = std::async(std::launch::async, [&] {
    int n = 0;
    return t.turns.Next(stop.get_token(), &next, &n);
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  SECTION("room comes") {
    t.turns.Finished("lane", 1);
    REQUIRE(waiting.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    CHECK(waiting.get());
    CHECK(next == "a");
  }
  SECTION("or a stop") {
    stop.request_stop();
    REQUIRE(waiting.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    CHECK_FALSE(waiting.get());
  }
}

TEST_CASE("ClaimTurns: empty once the last one is finished", "[dispatcher]") {
  Turns t;
  CHECK(t.turns.WaitUntilEmpty(absl::Now()));
  t.turns.Claimed("snd", "lane", 2);
  CHECK_FALSE(t.turns.WaitUntilEmpty(absl::Now()));
  auto empty = std::async(std::launch::async,
                          [&] { return t.turns.WaitUntilEmpty(absl::Now() + absl::Seconds(10)); });
  t.turns.Finished("lane", 1);
  t.turns.Finished("lane", 1);
  CHECK(empty.get());
}

TEST_CASE("ClaimTurns: says of which lanes and numbers it has how many in flight", "[dispatcher]") {
  Turns t;
  t.turns.Claimed("snd1", "a", 3);
  t.turns.Claimed("snd2", "b", 2);
  t.turns.Finished("a", 1);
  t.turns.Finished("b", 2);
  const auto lanes = t.turns.InFlightByLane();
  REQUIRE(lanes.size() == 1);
  CHECK(lanes[0].sender == "snd1");
  CHECK(lanes[0].lane == "a");
  CHECK(lanes[0].n == 2);
}

}  // namespace
}  // namespace kabar::dispatcher
