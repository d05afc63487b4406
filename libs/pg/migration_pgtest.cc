#include "libs/pg/migration.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "libs/pg/pool.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::pg {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;
using testing::TestPostgres;

constexpr Migration kOne{.number = 1, .name = "init", .sql = "CREATE TABLE a (x int)"};
constexpr Migration kTwo{
    .number = 2, .name = "more", .sql = "ALTER TABLE a ADD y int; CREATE TABLE b (z int);"};
constexpr Migration kBroken{
    .number = 3, .name = "broken", .sql = "CREATE TABLE c (x int); CREATE TABEL d ()"};

PoolOptions Options(const std::string& connection) {
  return {.connection = connection, .schema = "contacts"};
}

std::string Applied(const std::string& connection) {
  return TestPostgres().Sql(connection,
                            "SELECT string_agg(number || '_' || name, ' ' ORDER BY number) "
                            "FROM contacts.schema_migrations");
}

TEST_CASE("Migrate: applies what is missing, in the schema, once", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  REQUIRE_THAT(Migrate(Options(db), {kOne}), IsOk());
  CHECK(Applied(db) == "1_init");
  REQUIRE_THAT(Migrate(Options(db), {kOne, kTwo}), IsOk());
  REQUIRE_THAT(Migrate(Options(db), {kOne, kTwo}), IsOk());
  CHECK(Applied(db) == "1_init 2_more");
  CHECK(TestPostgres().Sql(db,
                           "SELECT count(*) FROM information_schema.tables WHERE table_schema = "
                           "'contacts' AND table_name IN ('a', 'b')") == "2");
}

TEST_CASE("Migrate: a changed migration is refused", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  REQUIRE_THAT(Migrate(Options(db), {kOne}), IsOk());
  Migration changed = kOne;
  changed.sql = "CREATE TABLE a (x bigint)";
  const absl::Status status = Migrate(Options(db), {changed, kTwo});
  CHECK_THAT(status, ReasonIs("MIGRATION_CHANGED"));
  CHECK_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "contacts migration 1_init"));
  CHECK(Applied(db) == "1_init");
}

TEST_CASE("Migrate: a database newer than the program is refused", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  REQUIRE_THAT(Migrate(Options(db), {kOne, kTwo}), IsOk());
  CHECK_THAT(Migrate(Options(db), {kOne}), ReasonIs("DATABASE_NEWER"));
}

TEST_CASE("Migrate: a failing migration leaves nothing of itself and names its file", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  const absl::Status status = Migrate(Options(db), {kOne, kTwo, kBroken});
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInternal, "contacts migration 3_broken"));
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInternal, "TABEL"));
  CHECK(Applied(db) == "1_init 2_more");
  CHECK(TestPostgres().Sql(db, "SELECT to_regclass('contacts.c')").empty());
}

TEST_CASE("Migrate: numbers have no gaps", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  CHECK_THAT(Migrate(Options(db), {kTwo}), ReasonIs("MIGRATION_NUMBERING"));
}

TEST_CASE("Migrate: replicas that start together apply each migration once", "[pg]") {
  const std::string db = TestPostgres().CreateDatabase();
  constexpr Migration kSlow{
      .number = 1, .name = "slow", .sql = "CREATE TABLE a (x int); SELECT pg_sleep(0.2)"};
  std::vector<absl::Status> results(4);
  std::vector<std::thread> replicas;
  for (absl::Status& result : results) {
    replicas.emplace_back([&] { result = Migrate(Options(db), {kSlow, kTwo}); });
  }
  for (std::thread& replica : replicas) replica.join();
  for (const absl::Status& result : results) CHECK_THAT(result, IsOk());
  CHECK(Applied(db) == "1_slow 2_more");
}

}  // namespace
}  // namespace kabar::pg
