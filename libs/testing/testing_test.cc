#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>

#include "libs/testing/eventually.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/temp_dir.h"

namespace kabar::testing {
namespace {

using base::WaitResult;

constexpr auto kDeadline = std::chrono::seconds(20);

TEST_CASE("FakeClock: stands still until advanced", "[fake_clock]") {
  FakeClock clock(absl::FromUnixSeconds(1000));
  std::int64_t boot = clock.BoottimeMicros();
  CHECK(clock.Now() == absl::FromUnixSeconds(1000));
  clock.Advance(absl::Milliseconds(1500));
  CHECK(clock.Now() == absl::FromUnixMillis(1001500));
  CHECK(clock.BoottimeMicros() == boot + 1'500'000);
  clock.SetNow(absl::FromUnixSeconds(5));
  CHECK(clock.Now() == absl::FromUnixSeconds(5));
  CHECK(clock.BoottimeMicros() == boot + 1'500'000);
}

TEST_CASE("FakeClock: starts at 08:00 in Jakarta unless told otherwise", "[fake_clock]") {
  absl::TimeZone jakarta;
  REQUIRE(absl::LoadTimeZone("Asia/Jakarta", &jakarta));
  CHECK(absl::ToCivilSecond(FakeClock().Now(), jakarta) ==
        absl::CivilSecond(2026, 11, 21, 8, 0, 0));
}

TEST_CASE("FakeClock: Advance wakes those whose time has come, and only those", "[fake_clock]") {
  FakeClock clock;
  std::stop_source stop;
  auto early = std::async(std::launch::async,
                          [&] { return clock.SleepFor(absl::Seconds(1), stop.get_token()); });
  auto late = std::async(std::launch::async,
                         [&] { return clock.SleepFor(absl::Seconds(3), stop.get_token()); });
  REQUIRE(clock.WaitForSleepers(2));
  clock.Advance(absl::Milliseconds(999));
  REQUIRE(clock.WaitForSleepers(2));
  clock.Advance(absl::Milliseconds(1));
  REQUIRE(early.wait_for(kDeadline) == std::future_status::ready);
  CHECK(early.get());
  CHECK(clock.WaitForSleepers(1));
  CHECK_FALSE(clock.WaitForSleepers(2, absl::ZeroDuration()));
  stop.request_stop();
  REQUIRE(late.wait_for(kDeadline) == std::future_status::ready);
  CHECK_FALSE(late.get());
}

TEST_CASE("FakeClock: a wakeup ends a wait and is used up by it", "[fake_clock]") {
  FakeClock clock;
  base::Wakeup wakeup;
  auto waited = std::async(std::launch::async,
                           [&] { return clock.Wait(wakeup, absl::InfiniteDuration(), {}); });
  REQUIRE(clock.WaitForSleepers(1));
  clock.Advance(absl::Hours(24 * 365));
  REQUIRE(clock.WaitForSleepers(1));
  wakeup.Notify();
  REQUIRE(waited.wait_for(kDeadline) == std::future_status::ready);
  CHECK(waited.get() == WaitResult::kNotified);
  CHECK(clock.Wait(wakeup, absl::ZeroDuration(), {}) == WaitResult::kElapsed);
}

TEST_CASE("FakeClock: a loop of sleeps is driven step by step", "[fake_clock]") {
  FakeClock clock;
  std::atomic<int> rounds{0};
  std::jthread loop([&](std::stop_token stop) {
    while (clock.SleepFor(absl::Minutes(1), stop)) ++rounds;
  });
  for (int i = 0; i < 50; ++i) {
    REQUIRE(clock.WaitForSleepers(1));
    REQUIRE(rounds == i);
    clock.Advance(absl::Minutes(1));
  }
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(rounds == 50);
}

TEST_CASE("FakeClock: WaitForSleepers gives up when nobody sleeps", "[fake_clock]") {
  FakeClock clock;
  CHECK_FALSE(clock.WaitForSleepers(1, absl::Milliseconds(1)));
}

TEST_CASE("Eventually: true once the condition holds, false if it never does", "[eventually]") {
  int asked = 0;
  CHECK(Eventually([&] { return ++asked == 3; }, absl::Seconds(20), absl::ZeroDuration()));
  CHECK(asked == 3);
  CHECK_FALSE(Eventually([] { return false; }, absl::Milliseconds(2), absl::ZeroDuration()));
  CHECK(Eventually([] { return true; }, absl::ZeroDuration()));
}

TEST_CASE("TempDir: holds files and leaves nothing behind", "[temp_dir]") {
  std::string path;
  {
    TempDir dir;
    TempDir other;
    path = dir.path();
    CHECK(path != other.path());
    std::string file = dir.WriteFile("sub/a.txt", absl::string_view("x\0y", 3));
    CHECK(file == dir.File("sub/a.txt"));
    std::ifstream in(file, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == std::string("x\0y", 3));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace kabar::testing
