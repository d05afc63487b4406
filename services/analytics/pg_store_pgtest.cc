#include "services/analytics/pg_store.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/analytics/migrations.h"

namespace kabar::analytics {
namespace {

using events::v1::NumberedBatch;

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

pg::PoolOptions Database() {
  pg::PoolOptions options;
  options.connection = testing::TestPostgres().CreateDatabase();
  options.schema = "analytics";
  return options;
}

struct House {
  House() : options(Database()) {
    REQUIRE(pg::Migrate(options, AnalyticsMigrations(), Soon()).ok());
    pool = std::make_unique<pg::Pool>(options);
    store = std::make_unique<PgStore>(*pool);
    sink = store->MakeSink("dispatcher");
  }
  absl::Status Apply(const std::vector<NumberedBatch>& batches) {
    std::vector<const NumberedBatch*> views;
    for (const auto& b : batches) views.push_back(&b);
    return sink->Apply(views, Soon());
  }
  LaneFigures Read(absl::Time now = absl::Now()) {
    auto figures = store->Read("toko-a", "run_1", now, Soon());
    REQUIRE(figures.ok());
    return *figures;
  }

  pg::PoolOptions options;
  std::unique_ptr<pg::Pool> pool;
  std::unique_ptr<PgStore> store;
  std::unique_ptr<events::Sink> sink;
};

NumberedBatch Batch(std::int64_t number, const std::vector<std::pair<int, int>>& changes,
                    const std::string& reason = "") {
  NumberedBatch batch;
  batch.set_number(number);
  for (const auto& [from, to] : changes) {
    auto* event = batch.mutable_batch()->add_events();
    event->set_outlet_id("toko-a");
    event->mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    auto* m = event->mutable_message_changed();
    m->set_lane_id("run_1");
    m->set_from(static_cast<events::v1::MessageState>(from));
    m->set_to(static_cast<events::v1::MessageState>(to));
    if (to == events::v1::FAILED) m->set_reason(reason);
  }
  return batch;
}

NumberedBatch LaneBatch(std::int64_t number, std::int64_t asked, double rate_per_s = 0.75) {
  NumberedBatch batch;
  batch.set_number(number);
  auto* event = batch.mutable_batch()->add_events();
  event->set_outlet_id("toko-a");
  auto* lane = event->mutable_lane_changed();
  lane->set_lane_id("run_1");
  lane->set_to(events::v1::RUNNING);
  lane->set_asked(asked);
  lane->set_rate_per_s(rate_per_s);
  return batch;
}

TEST_CASE("Apply: figures and position move together and add up", "[analytics]") {
  House h;
  REQUIRE(h.Apply({LaneBatch(1, 5), Batch(2, {{0, 1}, {0, 1}, {0, 6}}, "MISSING_VARIABLE"),
                   Batch(3, {{1, 2}, {2, 3}})})
              .ok());
  const LaneFigures f = h.Read();
  CHECK(f.asked == 5);
  CHECK(f.states[events::v1::QUEUED - 1] == 1);
  CHECK(f.states[events::v1::SENT - 1] == 1);
  CHECK(f.states[events::v1::FAILED - 1] == 1);
  CHECK(f.not_expanded() == 2);
  CHECK(f.reached_sent == 1);
  CHECK(f.failed_by_reason == std::map<std::string, std::int64_t>{{"MISSING_VARIABLE", 1}});
  CHECK(f.positions.at("dispatcher") == 3);
}

TEST_CASE("Read: figures and event number are of one moment; also of a run unheard of",
          "[analytics]") {
  House h;
  const auto unheard = [&](const std::string& run) {
    const auto figures = h.store->Read("toko-a", run, absl::Now(), Soon());
    REQUIRE(base::GetReason(figures.status()) == "RUN_NOT_FOUND");
    return base::GetMeta(figures.status(), "event_number_dispatcher");
  };
  CHECK(unheard("run_1").empty());
  REQUIRE(h.Apply({LaneBatch(1, 500)}).ok());
  CHECK(unheard("run_2") == "1");
  // Event n says that one more message is QUEUED: whenever one asks, n - 1 of them.
  std::jthread counting([&](std::stop_token stop) {
    for (std::int64_t n = 2; n <= 200 && !stop.stop_requested(); ++n) {
      if (!h.Apply({Batch(n, {{0, 1}})}).ok()) return;
    }
  });
  std::int64_t seen = 0;
  const absl::Time end = Soon();
  while (seen < 200 && absl::Now() < end) {
    const LaneFigures f = h.Read();
    seen = f.positions.at("dispatcher");
    REQUIRE(f.states[events::v1::QUEUED - 1] == seen - 1);
  }
  CHECK(seen == 200);
}

// A run of this rate on a clock of the test's own: a send each 1/rate s from `first` on.
struct SteadyRun : House {
  SteadyRun(double lane_rate_per_s, absl::Duration interval) : every(interval) {
    REQUIRE(Apply({LaneBatch(1, 100000, lane_rate_per_s)}).ok());
  }
  void SendUntil(absl::Time end) {
    NumberedBatch batch;
    batch.set_number(++number);
    for (; next < end; next += every) {
      auto* event = batch.mutable_batch()->add_events();
      event->set_outlet_id("toko-a");
      const std::int64_t micros = absl::ToUnixMicros(next);
      event->mutable_time()->set_seconds(micros / 1000000);
      event->mutable_time()->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
      auto* m = event->mutable_message_changed();
      m->set_lane_id("run_1");
      m->set_from(events::v1::SENDING);
      m->set_to(events::v1::SENT);
    }
    REQUIRE(Apply({batch}).ok());
  }
  double PerMinute(absl::Time now) { return 60 * Read(now).RatePerS(); }

  const absl::Duration every;
  const absl::Time first = absl::FromUnixMillis(1795222800700);  // within a second
  absl::Time next = first;
  std::int64_t number = 1;
};

TEST_CASE("Read: the rate is that of now from the first seconds on, and after a pause",
          "[analytics]") {
  SteadyRun run(100, absl::Milliseconds(10));
  for (const int second : {2, 3, 5, 9, 15}) {
    const absl::Time now = run.first + absl::Seconds(second);
    run.SendUntil(now);
    CAPTURE(second);
    CHECK(run.PerMinute(now) == Approx(6000).epsilon(0.01));
  }
  const absl::Time stopped = run.first + absl::Seconds(15);
  CHECK(run.PerMinute(stopped + absl::Seconds(7)) == 0);
  CHECK_FALSE(run.Read(stopped + absl::Seconds(7)).EtaSeconds().has_value());

  const absl::Duration pause = GENERATE(absl::Seconds(8), absl::Minutes(3));
  run.next = stopped + pause;
  run.SendUntil(run.next + absl::Seconds(5));
  CAPTURE(pause);
  CHECK(run.PerMinute(stopped + pause + absl::Seconds(5)) > 4800);
  CHECK(run.Read(stopped + pause + absl::Seconds(1)).EtaSeconds().has_value());
}

TEST_CASE("Read: a slow campaign's rate does not flap, nor go over what is allowed",
          "[analytics]") {
  SteadyRun run(0.75, absl::Milliseconds(1333));
  double last = 0;
  for (int second = 1; second <= 90; ++second) {
    const absl::Time now = run.first + absl::Seconds(second);
    run.SendUntil(now);
    const double rate = run.PerMinute(now);
    CAPTURE(second, rate, last);
    CHECK(rate <= 45.1);
    if (second >= 10) CHECK(rate >= 38);
    if (second >= 30) CHECK(rate >= 42);
    if (second > 30) CHECK(std::abs(rate - last) <= 2.5);
    last = rate;
  }
}

TEST_CASE("Apply: a batch applied already, or one too far on, changes nothing", "[analytics]") {
  House h;
  REQUIRE(h.Apply({LaneBatch(1, 5), Batch(2, {{0, 1}})}).ok());
  CHECK_FALSE(h.Apply({Batch(2, {{0, 1}})}).ok());
  CHECK_FALSE(h.Apply({Batch(4, {{0, 1}})}).ok());
  CHECK(h.Read().states[events::v1::QUEUED - 1] == 1);
  REQUIRE(h.Apply({Batch(3, {{0, 1}})}).ok());
  CHECK(h.Read().states[events::v1::QUEUED - 1] == 2);
}

TEST_CASE("Read: another outlet does not see the run", "[analytics]") {
  House h;
  REQUIRE(h.Apply({LaneBatch(1, 5)}).ok());
  const auto other = h.store->Read("toko-b", "run_1", absl::Now(), Soon());
  CHECK_THAT(other.status(), testing::ReasonIs("RUN_NOT_FOUND"));
}

TEST_CASE("Apply: answers may come before the run's own events", "[analytics]") {
  House h;
  auto triggers = h.store->MakeSink("triggers");
  NumberedBatch batch;
  batch.set_number(1);
  for (auto answer : {events::v1::AnswerRecorded::YES, events::v1::AnswerRecorded::YES,
                      events::v1::AnswerRecorded::NO, events::v1::AnswerRecorded::OTHER}) {
    auto* event = batch.mutable_batch()->add_events();
    event->set_outlet_id("toko-a");
    event->mutable_answer_recorded()->set_run_id("run_1");
    event->mutable_answer_recorded()->set_answer(answer);
  }
  const std::vector<const NumberedBatch*> views = {&batch};
  REQUIRE(triggers->Apply(views, Soon()).ok());
  REQUIRE(h.Apply({LaneBatch(1, 5)}).ok());
  const LaneFigures f = h.Read();
  CHECK(f.answers_yes == 2);
  CHECK(f.answers_no == 1);
  CHECK(f.answers_other == 1);
  CHECK(f.positions == std::map<std::string, std::int64_t>{{"dispatcher", 1}, {"triggers", 1}});
}

}  // namespace
}  // namespace kabar::analytics
