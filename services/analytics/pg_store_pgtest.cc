#include "services/analytics/pg_store.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kabar/events/v1/events.pb.h"
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
  LaneFigures Read(const std::string& outlet = "toko-a") {
    auto figures = store->Read(outlet, "run_1", absl::Now(), Soon());
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

NumberedBatch LaneBatch(std::int64_t number, std::int64_t asked) {
  NumberedBatch batch;
  batch.set_number(number);
  auto* event = batch.mutable_batch()->add_events();
  event->set_outlet_id("toko-a");
  auto* lane = event->mutable_lane_changed();
  lane->set_lane_id("run_1");
  lane->set_to(events::v1::RUNNING);
  lane->set_asked(asked);
  lane->set_rate_per_s(0.75);
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
  CHECK(f.sent_last_minute == 1);
  CHECK(f.failed_by_reason == std::map<std::string, std::int64_t>{{"MISSING_VARIABLE", 1}});
  CHECK(f.positions.at("dispatcher") == 3);
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
