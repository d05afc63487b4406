#include "services/dispatcher/keeper_loop.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "libs/testing/fake_clock.h"

namespace kabar::dispatcher {
namespace {

TEST_CASE("KeeperLoop: goes on at once while there is more, else after the interval",
          "[dispatcher]") {
  testing::FakeClock clock;
  std::atomic<int> rounds = 0;
  KeeperLoop loop("test", absl::Seconds(1), clock,
                  [&]() -> absl::StatusOr<bool> { return ++rounds < 3; });
  loop.Start();
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(rounds == 3);
  clock.Advance(absl::Seconds(1));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(rounds == 4);
  loop.Stop();
  CHECK(rounds == 4);
}

TEST_CASE("KeeperLoop: an error ends the round, not the loop", "[dispatcher]") {
  testing::FakeClock clock;
  std::atomic<int> rounds = 0;
  KeeperLoop loop("test", absl::Seconds(1), clock, [&]() -> absl::StatusOr<bool> {
    ++rounds;
    return absl::UnavailableError("no database");
  });
  loop.Start();
  REQUIRE(clock.WaitForSleepers(1));
  clock.Advance(absl::Seconds(1));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(rounds == 2);
}

}  // namespace
}  // namespace kabar::dispatcher
