// A private, migrated database with the store on it, for the tests of this service.
//
// Thread safety: as the store. Blocks: for the database. Errors: end the test.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_DATABASE_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_DATABASE_H_

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/pg/pool.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/triggers/migrations.h"
#include "services/triggers/pg_store.h"

namespace kabar::triggers::testing {

using kabar::testing::HasFieldViolation;
using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using kabar::testing::StatusIs;

inline const std::string kA = "toko-a";
inline const std::string kB = "toko-b";

inline absl::Time Soon() { return absl::Now() + absl::Seconds(30); }
// Around the fake clock's morning.
inline absl::Time At(int second) { return absl::FromUnixSeconds(1795222800 + second); }

inline pg::PoolOptions NewDatabase() {
  pg::PoolOptions options;
  options.connection = kabar::testing::TestPostgres().CreateDatabase();
  options.schema = "triggers";
  REQUIRE_THAT(pg::Migrate(options, TriggersMigrations(), Soon()), IsOk());
  return options;
}

struct Database {
  pg::Pool pool{NewDatabase()};
  PgStore store{pool};

  absl::Status Do(const std::string& outlet, absl::FunctionRef<absl::Status(Store::Unit&)> work) {
    return store.Write(outlet, "Test", Soon(), work);
  }
  void AddAutomation(const std::string& outlet, const std::string& id, EventType type,
                     absl::Duration delay, bool enabled = true) {
    const Automation added{.id = id,
                           .name = id,
                           .event_type = type,
                           .template_id = "tpl_1",
                           .sender_id = outlet == kA ? "wa-1" : "wa-2",
                           .delay = delay,
                           .enabled = enabled,
                           .create_time = At(0),
                           .update_time = At(0)};
    REQUIRE_THAT(Do(outlet, [&](Store::Unit& unit) { return unit.Insert(added); }), IsOk());
  }
  // What other services read of our outbox.
  std::vector<events::v1::Event> Published() {
    events::Publisher publisher(pool);
    REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
    events::Reader reader(pool, {});
    events::v1::ReadEventsResponse response;
    REQUIRE_THAT(reader.Read(1, Soon(), &response), IsOk());
    std::vector<events::v1::Event> all;
    for (const auto& batch : response.batches()) {
      all.insert(all.end(), batch.batch().events().begin(), batch.batch().events().end());
    }
    return all;
  }
  BusinessEvent Event(const std::string& id) {
    return {.id = id, .type = EventType::kOrderPaid, .phone = "+6281234567890", .name = "Budi"};
  }
};

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_DATABASE_H_
