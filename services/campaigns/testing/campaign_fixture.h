// For tests of the store and of what stands on it: a migrated database with one campaign. Include
// only from tests; header only.
//
// Thread safety: one thread, but for `store`, which takes any.
#ifndef KABAR_SERVICES_CAMPAIGNS_TESTING_CAMPAIGN_FIXTURE_H_
#define KABAR_SERVICES_CAMPAIGNS_TESTING_CAMPAIGN_FIXTURE_H_

#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/migrations.h"
#include "services/campaigns/pg_store.h"

namespace kabar::campaigns::testing {

struct CampaignFixture {
  static absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

  static pg::PoolOptions Database() {
    pg::PoolOptions options;
    options.connection = kabar::testing::TestPostgres().CreateDatabase();
    options.schema = "campaigns";
    REQUIRE_THAT(pg::Migrate(options, CampaignsMigrations(), Soon()), kabar::testing::IsOk());
    return options;
  }

  // Campaign cmp_1 of toko-a with run run_1, of which nothing is due.
  Campaign Put(State state) {
    Campaign c;
    c.outlet_id = "toko-a";
    c.id = "cmp_1";
    c.name = "pagi";
    c.template_id = "tpl_1";
    c.segment_id = "seg_1";
    c.sender_id = "snd_1";
    c.rate = "45/min";
    c.created_at = c.updated_at = absl::Now();
    Write([&](Store::Unit& unit) { return unit.Insert(c); });
    c.state = state;
    c.run_id = "run_1";
    c.run_day = absl::CivilDay(2026, 3, 1);
    c.end_at = absl::Now() + absl::Hours(1);
    c.asked = c.cursor = 3;
    if (c.ended()) c.finished_at = absl::Now();
    Save(c);
    return c;
  }
  void Save(const Campaign& c) {
    Write([&](Store::Unit& unit) { return unit.Save(c, std::nullopt); });
  }
  // The first value of what it finds.
  std::string Sql(const std::string& sql) {
    std::string value;
    REQUIRE_THAT(pg::Transact(pool, "TestSql", Soon(),
                              [&](pg::Transaction& tx) {
                                const pqxx::result rows = tx.ExecDynamic("test.sql", sql, {});
                                value =
                                    rows.empty() || rows[0][0].is_null() ? "" : rows[0][0].c_str();
                                return absl::OkStatus();
                              }),
                 kabar::testing::IsOk());
    return value;
  }
  void Write(absl::FunctionRef<absl::Status(Store::Unit&)> work) {
    REQUIRE_THAT(store.Write("toko-a", "Test", Soon(), work), kabar::testing::IsOk());
  }
  Campaign Get() {
    const auto campaign = store.Get("toko-a", "cmp_1", Soon());
    REQUIRE_THAT(campaign, kabar::testing::IsOk());
    return *campaign;
  }
  std::optional<Campaign> TakeDue() {
    const auto due = store.TakeDue("test", absl::Now(), absl::Seconds(10), Soon());
    REQUIRE_THAT(due, kabar::testing::IsOk());
    return *due;
  }

  pg::Pool pool{Database()};
  PgStore store{pool};
};

}  // namespace kabar::campaigns::testing

#endif  // KABAR_SERVICES_CAMPAIGNS_TESTING_CAMPAIGN_FIXTURE_H_
