#include "services/dispatcher/pacer.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>

#include "libs/testing/fake_clock.h"

namespace kabar::dispatcher {
namespace {

TEST_CASE("Pacer: runs each action at its time, equal times in the order they came",
          "[dispatcher]") {
  testing::FakeClock clock;
  const std::int64_t now = clock.BoottimeMicros();
  std::string ran;  // of the pacer's thread, read once it sleeps again or has told
  std::promise<void> last;
  Pacer pacer(clock);
  pacer.At(now + 3000, [&] {
    ran += "d";
    last.set_value();
  });
  pacer.At(now + 1000, [&] { ran += "a"; });
  pacer.At(now + 2000, [&] { ran += "b"; });
  pacer.At(now + 2000, [&] { ran += "c"; });
  REQUIRE(clock.WaitForSleepers(1));
  clock.Advance(absl::Microseconds(999));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(ran.empty());
  clock.Advance(absl::Microseconds(1));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(ran == "a");
  clock.Advance(absl::Milliseconds(10));
  REQUIRE(last.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(ran == "abcd");
}

TEST_CASE("Pacer: what lies close together runs together, late and never early", "[dispatcher]") {
  testing::FakeClock clock;
  const std::int64_t now = clock.BoottimeMicros();
  std::string ran;
  Pacer pacer(clock);
  pacer.At(now + 1000, [&] { ran += "a"; });
  pacer.At(now + 1100, [&] { ran += "b"; });
  pacer.At(now + 1200, [&] { ran += "c"; });
  REQUIRE(clock.WaitForSleepers(1));
  clock.Advance(absl::Microseconds(1000));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(ran == "a");
  clock.Advance(absl::Microseconds(400));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(ran == "a");
  clock.Advance(absl::Microseconds(100));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(ran == "abc");
}

TEST_CASE("Pacer: an earlier action that comes later is not slept over", "[dispatcher]") {
  testing::FakeClock clock;
  Pacer pacer(clock);
  pacer.At(clock.BoottimeMicros() + 1000000, [] {});
  REQUIRE(clock.WaitForSleepers(1));
  std::promise<void> ran;
  pacer.At(clock.BoottimeMicros(), [&] { ran.set_value(); });
  CHECK(ran.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
}

TEST_CASE("Pacer: what is left at the end runs, and what that adds", "[dispatcher]") {
  testing::FakeClock clock;
  std::string ran;
  {
    auto pacer = std::make_unique<Pacer>(clock);
    Pacer* same = pacer.get();
    pacer->At(clock.BoottimeMicros() + 1000000, [&ran, same] {
      ran += "a";
      same->At(0, [&ran] { ran += "b"; });
    });
  }
  CHECK(ran == "ab");
}

}  // namespace
}  // namespace kabar::dispatcher
