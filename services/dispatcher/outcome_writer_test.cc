#include "services/dispatcher/outcome_writer.h"

#include <catch2/catch.hpp>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "services/dispatcher/testing/worker_fakes.h"

namespace kabar::dispatcher {
namespace {

Outcome Returned(int n) {
  Outcome outcome;
  outcome.message_id = absl::StrCat("m", n);
  outcome.state = AttemptState::kReturned;
  return outcome;
}

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

TEST_CASE("OutcomeWriter: an outcome is kept until the ledger takes it, and written once",
          "[dispatcher]") {
  testing::FakeClock clock;
  GrantingStore store;
  store.SetDown(true);
  std::promise<std::vector<Store::Requeued>> requeued;
  OutcomeWriter writer(
      {.linger = absl::ZeroDuration(), .writers = 1}, store,
      [&](std::vector<Store::Requeued> r) { requeued.set_value(std::move(r)); }, clock);
  writer.Add(Returned(1));
  for (int i = 1; i <= 12; ++i) {
    REQUIRE(store.WaitForFailures(i));
    REQUIRE(clock.WaitForSleepers(1));
    CHECK(writer.pending() == 1);
    if (i == 3) CHECK_FALSE(writer.Drain(absl::Now()));
    if (i < 12) clock.Advance(absl::Seconds(3));
  }
  store.SetDown(false);
  clock.Advance(absl::Seconds(3));
  REQUIRE(writer.Drain(Soon()));
  CHECK(writer.pending() == 0);
  REQUIRE(store.Outcomes().size() == 1);
  CHECK(store.Outcomes()[0].message_id == "m1");
  auto back = requeued.get_future().get();
  REQUIRE(back.size() == 1);
  CHECK(back[0].entry.message_id == "m1");
}

TEST_CASE("OutcomeWriter: one that the ledger cannot hold is left to its lease and stops no other",
          "[dispatcher]") {
  testing::FakeClock clock;
  GrantingStore store;
  store.Poison("m5", base::Error(absl::StatusCode::kInvalidArgument, "DB_BAD_VALUE", "a NUL"));
  OutcomeWriter writer(
      {.max_batch = 12, .linger = absl::Hours(1), .writers = 1}, store,
      [](std::vector<Store::Requeued>) {}, clock);
  for (int i = 0; i < 12; ++i) writer.Add(Returned(i));
  // Alone it is tried again twice.
  for (int i = 0; i < 2; ++i) {
    REQUIRE(clock.WaitForSleepers(1));
    clock.Advance(absl::Seconds(3));
  }
  REQUIRE(writer.Drain(Soon()));
  std::set<std::string> written;
  for (const Outcome& outcome : store.Outcomes()) CHECK(written.insert(outcome.message_id).second);
  CHECK(written.size() == 11);
  CHECK_FALSE(written.contains("m5"));
}

TEST_CASE("OutcomeWriter: what fails for no fault of its values is kept as long as it takes",
          "[dispatcher]") {
  testing::FakeClock clock;
  GrantingStore store;
  store.Poison("m5", base::Error(absl::StatusCode::kInternal, "DB_ERROR", "a field is NULL"));
  OutcomeWriter writer(
      {.max_batch = 12, .linger = absl::Hours(1), .writers = 1}, store,
      [](std::vector<Store::Requeued>) {}, clock);
  for (int i = 0; i < 12; ++i) writer.Add(Returned(i));
  for (int i = 1; i <= 10; ++i) {
    REQUIRE(store.WaitForFailures(i));
    REQUIRE(clock.WaitForSleepers(1));
    CHECK(writer.pending() == 12);
    if (i < 10) clock.Advance(absl::Seconds(3));
  }
  store.Poison("", absl::OkStatus());  // mended
  clock.Advance(absl::Seconds(3));
  REQUIRE(writer.Drain(Soon()));
  CHECK(store.Outcomes().size() == 12);
}

TEST_CASE("OutcomeWriter: a full batch waits for no more company", "[dispatcher]") {
  testing::FakeClock clock;
  GrantingStore store;
  OutcomeWriter writer(
      {.max_batch = 7, .linger = absl::Hours(1), .writers = 1}, store,
      [](std::vector<Store::Requeued>) {}, clock);
  // Sometimes the writer lingers already when the last one comes, sometimes not.
  for (std::size_t round = 1; round <= 500; ++round) {
    for (int i = 0; i < 7; ++i) writer.Add(Returned(i));
    REQUIRE(writer.Drain(Soon()));
    CHECK(store.Outcomes().size() == 7 * round);
  }
}

TEST_CASE("OutcomeWriter: what waits is written at its end, in batches", "[dispatcher]") {
  testing::FakeClock clock;
  GrantingStore store;
  {
    OutcomeWriter writer(
        {.max_batch = 7, .linger = absl::Seconds(10), .writers = 2}, store,
        [](std::vector<Store::Requeued>) {}, clock);
    for (int i = 0; i < 20; ++i) writer.Add(Returned(i));
  }
  std::set<std::string> written;
  for (const Outcome& outcome : store.Outcomes()) written.insert(outcome.message_id);
  CHECK(written.size() == 20);
  CHECK(store.Outcomes().size() == 20);
}

}  // namespace
}  // namespace kabar::dispatcher
