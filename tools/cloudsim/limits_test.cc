#include "tools/cloudsim/limits.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/control.h"
#include "tools/cloudsim/draw.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kSecond = kMicrosPerSecond;
constexpr int64_t kHour = 3600 * kSecond;

Limits Configured(const LimitSetup& setup) {
  Limits limits;
  limits.Configure(setup);
  return limits;
}

TEST_CASE("Throughput: the N+1st message within a second is refused, to the microsecond",
          "[cloudsim]") {
  Limits limits = Configured({});
  const int64_t start = 1000 * kSecond;
  for (int i = 0; i < 80; ++i) CHECK(limits.TakeThroughput(0, 80, start + i) == 0);
  CHECK(limits.TakeThroughput(0, 80, start + 80) == 130429);
  CHECK(limits.TakeThroughput(0, 80, start + kSecond - 1) == 130429);
  CHECK(limits.TakeThroughput(0, 80, start + kSecond) == 0);
  CHECK(limits.TakeThroughput(0, 80, start + kSecond) == 130429);
  // Another number has its own second.
  CHECK(limits.TakeThroughput(1, 80, start + 80) == 0);
}

TEST_CASE("Throughput: no sliding window ever holds more, whatever the pattern", "[cloudsim]") {
  SlidingWindow window;
  Draws draws(7);
  std::vector<int64_t> taken;
  int64_t now = 0;
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    now += static_cast<int64_t>(draws.Between(0, 20000));
    // Some requests are read late from their sockets.
    const int64_t at = now - static_cast<int64_t>(draws.Chance(0.2) ? draws.Between(0, 5000) : 0);
    if (window.Take(at, kSecond, 80)) {
      taken.push_back(at);
    } else {
      ++refused;
    }
  }
  int64_t where = 0;
  CHECK(MaxInWindow(&taken, kSecond, &where) == 80);
  CHECK(refused > 0);
}

TEST_CASE("Throughput: inbound messages count, once they have come", "[cloudsim]") {
  Limits limits = Configured({});
  const int64_t start = 1000 * kSecond;
  PairState& pair = limits.Pair(0, 1);
  limits.Inbound(0, &pair, start + 100);
  CHECK(limits.TakeThroughput(0, 2, start) == 0);
  CHECK(limits.TakeThroughput(0, 2, start + 200) == 130429);

  LimitSetup setup;
  setup.throughput_counts_inbound = false;
  limits.Reset();
  limits.Configure(setup);
  limits.Inbound(0, &limits.Pair(0, 1), start + 100);
  CHECK(limits.TakeThroughput(0, 2, start) == 0);
  CHECK(limits.TakeThroughput(0, 2, start + 200) == 0);
}

TEST_CASE("Throughput: the time scale shrinks the window", "[cloudsim]") {
  LimitSetup setup;
  setup.time_scale = 0.01;
  Limits limits = Configured(setup);
  CHECK(limits.TakeThroughput(0, 1, kSecond) == 0);
  CHECK(limits.TakeThroughput(0, 1, kSecond + 9999) == 130429);
  CHECK(limits.TakeThroughput(0, 1, kSecond + 10000) == 0);
}

TEST_CASE("Pair rate: strictly one message per six seconds", "[cloudsim]") {
  Limits limits = Configured({});
  const int64_t start = 1000 * kSecond;
  CHECK(limits.TakePair(&limits.Pair(0, 1), start) == 0);
  CHECK(limits.TakePair(&limits.Pair(0, 1), start + 6 * kSecond - 1) == 131056);
  CHECK(limits.TakePair(&limits.Pair(0, 1), start + 6 * kSecond) == 0);
  CHECK(limits.TakePair(&limits.Pair(0, 2), start) == 0);  // another customer
  CHECK(limits.TakePair(&limits.Pair(1, 1), start) == 0);  // another number
  CHECK(limits.TakePair(&limits.Pair(1, 1), start + 1) == 131056);
}

TEST_CASE("Pair rate: a burst of 45 is borrowed from the time after it", "[cloudsim]") {
  LimitSetup setup;
  setup.pair_burst = 45;
  Limits limits = Configured(setup);
  PairState& pair = limits.Pair(0, 1);
  const int64_t start = 1000 * kSecond;
  for (int i = 0; i < 45; ++i) CHECK(limits.TakePair(&pair, start) == 0);
  CHECK(limits.TakePair(&pair, start) == 131056);
  // 45 messages are worth 270 s; six of them have been paid back after 36 s.
  CHECK(limits.TakePair(&pair, start + 6 * kSecond - 1) == 131056);
  CHECK(limits.TakePair(&pair, start + 6 * kSecond) == 0);
  CHECK(limits.TakePair(&pair, start + 6 * kSecond) == 131056);
  int more = 0;
  while (limits.TakePair(&pair, start + (6 + 36) * kSecond) == 0) ++more;
  CHECK(more == 6);
}

TEST_CASE("Window: open for 24 hours after the customer's last message", "[cloudsim]") {
  Limits limits = Configured({});
  PairState& pair = limits.Pair(0, 1);
  const int64_t now = NowUs();
  CHECK_FALSE(limits.WindowOpen(pair, now));
  limits.Inbound(0, &pair, now - kHour);
  CHECK(limits.WindowOpen(pair, now));
  CHECK(limits.WindowOpen(pair, now + 23 * kHour - 1));
  CHECK_FALSE(limits.WindowOpen(pair, now + 23 * kHour));
  CHECK_FALSE(limits.WindowOpen(limits.Pair(1, 1), now));
}

TEST_CASE("Window: an answer still to come opens it only when it comes", "[cloudsim]") {
  Limits limits = Configured({});
  PairState& pair = limits.Pair(0, 1);
  const int64_t now = NowUs();
  limits.Inbound(0, &pair, now + kHour);
  CHECK_FALSE(limits.WindowOpen(pair, now + kHour - 1));
  CHECK(limits.WindowOpen(pair, now + kHour));
  CHECK_FALSE(limits.WindowOpen(pair, now + 25 * kHour));
}

TEST_CASE("Window: can be switched off", "[cloudsim]") {
  LimitSetup setup;
  setup.enforce_window = false;
  Limits limits = Configured(setup);
  CHECK(limits.WindowOpen(limits.Pair(0, 1), NowUs()));
}

TEST_CASE("Portfolio: unique customers in a moving 24 hours", "[cloudsim]") {
  LimitSetup setup;
  setup.messaging_limit = 2;
  Limits limits = Configured(setup);
  const int64_t start = 1000 * kHour;
  CHECK(limits.TakePortfolio(0, 1, start) == 0);
  CHECK(limits.TakePortfolio(0, 2, start + kHour) == 0);
  CHECK(limits.TakePortfolio(0, 3, start + kHour) == 131048);
  CHECK(limits.TakePortfolio(0, 1, start + 2 * kHour) == 0);  // known already
  CHECK(limits.TakePortfolio(1, 3, start + kHour) == 0);      // another portfolio
  // Customer 1 was written to again at +2 h, customer 2 leaves at +25 h.
  CHECK(limits.TakePortfolio(0, 3, start + 25 * kHour - 1) == 131048);
  CHECK(limits.TakePortfolio(0, 3, start + 25 * kHour) == 0);
  CHECK(limits.TakePortfolio(0, 4, start + 25 * kHour) == 131048);
}

TEST_CASE("MaxInWindow: half-open windows, in any order", "[cloudsim]") {
  int64_t at = 0;
  std::vector<int64_t> moments = {30, 10, 20, 19};
  CHECK(MaxInWindow(&moments, 10, &at) == 2);
  CHECK(MaxInWindow(&moments, 11, &at) == 3);
  CHECK(at == 10);
  moments.clear();
  CHECK(MaxInWindow(&moments, 10, &at) == 0);
}

}  // namespace
}  // namespace kabar::cloudsim
