#include "services/templates/request_sweep.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "services/templates/testing/fake_store.h"

namespace kabar::templates {
namespace {

class SweptStore : public testing::FakeStore {
 public:
  absl::StatusOr<int64_t> ForgetRequests(absl::Time time, int limit, absl::Time) override {
    const std::lock_guard lock(mutex_);
    times_.push_back(time);
    if (fail_) return absl::UnavailableError("away");
    const int64_t forgotten = std::min<int64_t>(left_, limit);
    left_ -= forgotten;
    return forgotten;
  }

  std::vector<absl::Time> Times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  void Set(int64_t left, bool fail) {
    const std::lock_guard lock(mutex_);
    left_ = left;
    fail_ = fail;
  }

 private:
  std::mutex mutex_;
  std::vector<absl::Time> times_;
  int64_t left_ = 0;
  bool fail_ = false;
};

TEST_CASE("RequestSweep: every hour what is older than a day, until none is left", "[templates]") {
  kabar::testing::FakeClock clock;
  SweptStore store;
  store.Set(2500, false);
  RequestSweep sweep(store, clock);
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(store.Times() == std::vector<absl::Time>(3, clock.Now() - absl::Hours(24)));
  clock.Advance(absl::Minutes(59));
  CHECK(store.Times().size() == 3);
  clock.Advance(absl::Minutes(1));
  REQUIRE(clock.WaitForSleepers(1));
  REQUIRE(store.Times().size() == 4);
  CHECK(store.Times().back() == clock.Now() - absl::Hours(24));
}

TEST_CASE("RequestSweep: a store that is away is asked again the next hour", "[templates]") {
  kabar::testing::FakeClock clock;
  SweptStore store;
  store.Set(10, true);
  RequestSweep sweep(store, clock);
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(store.Times().size() == 1);
  store.Set(10, false);
  clock.Advance(absl::Hours(1));
  REQUIRE(clock.WaitForSleepers(1));
  CHECK(store.Times().size() == 2);
  sweep.Stop();
  sweep.Stop();
}

}  // namespace
}  // namespace kabar::templates
