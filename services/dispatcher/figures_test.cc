#include "services/dispatcher/figures.h"

#include <catch2/catch.hpp>

namespace kabar::dispatcher {
namespace {

const base::Rate kRate{.limit = 10, .window = absl::Seconds(1)};  // 600 a minute

TEST_CASE("ThrottleUse: the share of the last minute", "[dispatcher]") {
  ThrottleUse use;
  const absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  CHECK(use.Share(kRate) == 0);
  use.Count(1000, start);
  CHECK(use.Share(kRate) == 0);
  use.Count(1050, start + absl::Seconds(10));
  CHECK(use.Share(kRate) == Approx(0.5));  // of ten seconds
  // Full speed for a minute: what was before it no longer counts.
  for (int s = 20; s <= 70; s += 10) use.Count(1050 + 10 * (s - 10), start + absl::Seconds(s));
  CHECK(use.Share(kRate) == Approx(1.0));
  // Nothing for half a minute.
  use.Count(1650, start + absl::Seconds(100));
  CHECK(use.Share(kRate) == Approx(0.5));
}

TEST_CASE("ThrottleUse: a Redis built anew counts from its beginning", "[dispatcher]") {
  ThrottleUse use;
  const absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  use.Count(1000, start);
  use.Count(3, start + absl::Seconds(10));
  CHECK(use.Share(kRate) == 0);
  use.Count(103, start + absl::Seconds(20));
  CHECK(use.Share(kRate) == Approx(1.0));
}

}  // namespace
}  // namespace kabar::dispatcher
