#include "services/dispatcher/errands.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <vector>

#include "libs/testing/fake_clock.h"

namespace kabar::dispatcher {
namespace {

TEST_CASE("Errands: what gathers while one hangs shares one deadline, in order", "[dispatcher]") {
  testing::FakeClock clock;
  std::vector<int> order;
  std::vector<absl::Time> deadlines;
  const absl::Time start = clock.Now();
  {
    std::promise<void> begun, released;
    Errands errands(absl::Seconds(1), clock);
    errands.Add([&](absl::Time deadline) {
      deadlines.push_back(deadline);
      begun.set_value();
      released.get_future().wait();  // a Redis that hangs until the deadline
      clock.Advance(absl::Seconds(1));
    });
    begun.get_future().wait();
    for (int i = 0; i < 100; ++i) {
      errands.Add([&, i](absl::Time deadline) {
        order.push_back(i);
        deadlines.push_back(deadline);
        // The first takes all the time; those after it find the deadline passed.
        if (i == 0) clock.Advance(absl::Seconds(1));
      });
    }
    released.set_value();
  }  // runs what is left
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  CHECK(deadlines[0] == start + absl::Seconds(1));
  for (std::size_t i = 1; i < deadlines.size(); ++i)
    CHECK(deadlines[i] == start + absl::Seconds(2));
}

}  // namespace
}  // namespace kabar::dispatcher
