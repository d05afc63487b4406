#include "libs/base/rate.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/base/backoff.h"
#include "libs/testing/status_matchers.h"

namespace kabar::base {
namespace {

TEST_CASE("ParseRate: reads the grammar", "[rate]") {
  CHECK(*ParseRate("45/min") == Rate{.limit = 45, .window = absl::Minutes(1), .max_burst = 1});
  CHECK(*ParseRate("80/s") == Rate{.limit = 80, .window = absl::Seconds(1), .max_burst = 1});
  CHECK(*ParseRate("1000/h") == Rate{.limit = 1000, .window = absl::Hours(1), .max_burst = 1});
  CHECK(*ParseRate("10/d") == Rate{.limit = 10, .window = absl::Hours(24), .max_burst = 1});
  CHECK(*ParseRate("1/6s") == Rate{.limit = 1, .window = absl::Seconds(6), .max_burst = 1});
  CHECK(*ParseRate(" 45 / min , max_burst = 5 ") ==
        Rate{.limit = 45, .window = absl::Minutes(1), .max_burst = 5});
  CHECK(ParseRate("45/m")->window == absl::Minutes(1));
  CHECK(ParseRate("45/hour")->window == absl::Hours(1));
}

TEST_CASE("Rate: interval and rate per minute", "[rate]") {
  CHECK(ParseRate("45/min")->Interval() == absl::Minutes(1) / 45);
  CHECK(ParseRate("80/s")->PerMinute() == Approx(4800));
  CHECK(ParseRate("1/6s")->PerMinute() == Approx(10));
}

TEST_CASE("FormatRate: writes the shortest form, which parses back", "[rate]") {
  for (const char* text : {"45/min", "80/s", "1000/h", "10/d", "1/6s", "7/90s",
                           "45/min,max_burst=3", "1000000/s", "3/2h"}) {
    CHECK(FormatRate(*ParseRate(text)) == text);
  }
  CHECK(FormatRate(*ParseRate("45/60s,max_burst=1")) == "45/min");
}

TEST_CASE("ParseRate: a wrong rate is refused with the position of the fault", "[rate]") {
  struct Wrong {
    const char* text;
    const char* part;
  };
  for (const Wrong& wrong : {
           Wrong{"", "position 1: expected a number"},
           Wrong{"fast", "position 1: expected a number"},
           Wrong{"-5/s", "position 1: expected a number"},
           Wrong{"0/s", "position 1: expected a number of messages from 1"},
           Wrong{"99999999999999999999/s", "position 1: expected a number of messages from 1"},
           Wrong{"1000001/s", "position 1: faster than"},
           Wrong{"45", "position 3: expected /"},
           Wrong{"45.5/s", "position 3: expected /"},
           Wrong{"45/", "position 4: expected a unit"},
           Wrong{"45/mim", "position 4: unknown unit \"mim\""},
           Wrong{"45/MIN", "position 4: unknown unit \"MIN\""},
           Wrong{"45/0s", "position 4: expected a number of units"},
           Wrong{"45/99d", "position 4: the window is longer"},
           Wrong{"45/min max_burst=1", "position 8: expected the end"},
           Wrong{"45/min,", "position 8: expected max_burst"},
           Wrong{"45/min,burst=1", "position 8: expected max_burst"},
           Wrong{"45/min,max_burst", "position 17: expected ="},
           Wrong{"45/min,max_burst=0", "position 18: expected a burst"},
           Wrong{"45/min,max_burst=46", "position 18: expected a burst"},
           Wrong{"45/min,max_burst=4x", "position 19: expected the end"},
       }) {
    CAPTURE(wrong.text);
    CHECK_THAT(ParseRate(wrong.text),
               testing::StatusIs(absl::StatusCode::kInvalidArgument, wrong.part));
    CHECK_THAT(ParseRate(wrong.text), testing::ReasonIs("INVALID_RATE"));
  }
}

TEST_CASE("BackoffDelay: grows to the cap, jitter takes any part of it", "[backoff]") {
  BackoffPolicy policy{.initial = absl::Seconds(1), .max = absl::Seconds(10), .multiplier = 2};
  RandomSource most = [] { return 1.0; };
  CHECK(BackoffDelay(policy, 1, most) == absl::Seconds(1));
  CHECK(BackoffDelay(policy, 2, most) == absl::Seconds(2));
  CHECK(BackoffDelay(policy, 4, most) == absl::Seconds(8));
  CHECK(BackoffDelay(policy, 5, most) == absl::Seconds(10));
  CHECK(BackoffDelay(policy, 1'000'000, most) == absl::Seconds(10));
  CHECK(BackoffDelay(policy, 0, most) == absl::Seconds(1));
  CHECK(BackoffDelay(policy, 3, [] { return 0.25; }) == absl::Seconds(1));
  CHECK(BackoffDelay(policy, 3, [] { return 0.0; }) == absl::ZeroDuration());
}

TEST_CASE("BackoffDelay: the floor is kept, but never above the cap", "[backoff]") {
  BackoffPolicy policy{.initial = absl::Seconds(2),
                       .max = absl::Seconds(10),
                       .multiplier = 2,
                       .floor = absl::Seconds(4)};
  CHECK(BackoffDelay(policy, 3, [] { return 0.0; }) == absl::Seconds(4));
  CHECK(BackoffDelay(policy, 3, [] { return 0.5; }) == absl::Seconds(6));
  CHECK(BackoffDelay(policy, 1, [] { return 0.0; }) == absl::Seconds(2));
}

TEST_CASE("Backoff: counts failures until reset", "[backoff]") {
  Backoff backoff({.initial = absl::Seconds(1), .max = absl::Minutes(1)}, [] { return 1.0; });
  CHECK(backoff.Next() == absl::Seconds(1));
  CHECK(backoff.Next() == absl::Seconds(2));
  CHECK(backoff.failures() == 2);
  backoff.Reset();
  CHECK(backoff.failures() == 0);
  CHECK(backoff.Next() == absl::Seconds(1));
}

TEST_CASE("UniformRandom: stays in [0, 1) and spreads", "[backoff]") {
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    double value = UniformRandom();
    REQUIRE(value >= 0);
    REQUIRE(value < 1);
    sum += value;
  }
  CHECK(sum / 10'000 == Approx(0.5).margin(0.05));  // 17 standard deviations
}

}  // namespace
}  // namespace kabar::base
