#include "libs/base/clock.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "absl/time/clock.h"

namespace kabar::base {
namespace {

// Long enough that only the event under test can end the wait, and a hang shows as a failure.
constexpr absl::Duration kLong = absl::Minutes(10);
constexpr auto kDeadline = std::chrono::seconds(20);

template <typename T>
T GetInTime(std::future<T>& future) {
  REQUIRE(future.wait_for(kDeadline) == std::future_status::ready);
  return future.get();
}

TEST_CASE("SystemClock: the wall clock is the machine's", "[clock]") {
  absl::Time before = absl::Now();
  absl::Time now = SystemClock().Now();
  CHECK(now >= before);
  CHECK(now <= absl::Now());
}

TEST_CASE("SystemClock: boot time advances by at least the time slept", "[clock]") {
  std::int64_t before = SystemClock().BoottimeMicros();
  REQUIRE(SystemClock().SleepFor(absl::Milliseconds(20), {}));
  CHECK(SystemClock().BoottimeMicros() - before >= 20'000);
}

TEST_CASE("SystemClock: a stop request ends a sleep at once", "[clock]") {
  std::stop_source stop;
  auto slept = std::async(std::launch::async, [token = stop.get_token()] {
    return SystemClock().SleepFor(kLong, token);
  });
  stop.request_stop();
  CHECK_FALSE(GetInTime(slept));
}

TEST_CASE("SystemClock: a sleep with a stopped token does not sleep", "[clock]") {
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(SystemClock().SleepFor(kLong, stop.get_token()));
}

TEST_CASE("SystemClock: SleepUntil a past time returns as fully slept", "[clock]") {
  CHECK(SystemClock().SleepUntil(absl::Now() - absl::Hours(1), {}));
  CHECK(SystemClock().SleepFor(-absl::InfiniteDuration(), {}));
}

TEST_CASE("SystemClock: a wakeup ends a wait, also one without limit", "[clock]") {
  Wakeup wakeup;
  auto waited = std::async(
      std::launch::async, [&] { return SystemClock().Wait(wakeup, absl::InfiniteDuration(), {}); });
  wakeup.Notify();
  CHECK(GetInTime(waited) == WaitResult::kNotified);
}

TEST_CASE("Wakeup: a notification before the wait is kept, several count as one", "[clock]") {
  Wakeup wakeup;
  wakeup.Notify();
  wakeup.Notify();
  CHECK(SystemClock().Wait(wakeup, kLong, {}) == WaitResult::kNotified);
  CHECK(SystemClock().Wait(wakeup, absl::ZeroDuration(), {}) == WaitResult::kElapsed);
}

TEST_CASE("Wakeup: a stop counts before a notification, which is kept", "[clock]") {
  Wakeup wakeup;
  wakeup.Notify();
  std::stop_source stop;
  stop.request_stop();
  CHECK(SystemClock().Wait(wakeup, kLong, stop.get_token()) == WaitResult::kStopped);
  CHECK(SystemClock().Wait(wakeup, kLong, {}) == WaitResult::kNotified);
}

}  // namespace
}  // namespace kabar::base
