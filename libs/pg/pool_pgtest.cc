#include "libs/pg/pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <thread>

#include "libs/pg/transaction.h"
#include "libs/testing/eventually.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::pg {
namespace {

using testing::Eventually;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;
using testing::TestPostgres;

absl::Time In(absl::Duration d) { return absl::Now() + d; }

std::string Setting(Pool& pool, const std::string& name) {
  std::string value;
  REQUIRE_THAT(Transact(pool, "Setting", In(absl::Seconds(20)),
                        [&](Transaction& tx) {
                          value = TextField(tx.ExecDynamic(
                              "test.setting", "SELECT current_setting($1)", {Param(name)})[0][0]);
                          return absl::OkStatus();
                        }),
               IsOk());
  return value;
}

TEST_CASE("Pool: a session's settings", "[pg]") {
  const std::string connection = TestPostgres().CreateDatabase();
  TestPostgres().Sql(connection,
                     "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || "
                     "' SET synchronous_commit = off'; END $$");
  Pool pool({.connection = connection, .schema = "contacts", .application_name = "kabar-test"});
  CHECK(Setting(pool, "search_path") == "contacts");
  CHECK(Setting(pool, "TimeZone") == "UTC");
  CHECK(Setting(pool, "synchronous_commit") == "on");
  CHECK(Setting(pool, "application_name") == "kabar-test");
  CHECK(Setting(pool, "idle_in_transaction_session_timeout") == "15s");
}

TEST_CASE("Pool: refuses a schema that is not a plain name", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase(), .schema = "x -c fsync=off"});
  CHECK_THAT(pool.Check(In(absl::Seconds(5))), ReasonIs("DB_SCHEMA_NAME"));
}

TEST_CASE("Pool: no server is UNAVAILABLE and gives the place back", "[pg]") {
  Pool pool({.connection = "host=/nonexistent user=kabar password=geheim dbname=x",
             .max_connections = 1});
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = pool.Check(In(absl::Seconds(5)));
    CHECK_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "/nonexistent"));
    CHECK(std::string(status.message()).find("geheim") == std::string::npos);
  }
  CHECK(pool.usage().open == 0);
  Pool wrong({.connection = "no such form geheim"});
  const absl::Status status = wrong.Check(In(absl::Seconds(5)));
  CHECK_THAT(status, ReasonIs("DB_CONNECTION_STRING"));
  CHECK(std::string(status.message()).find("geheim") == std::string::npos);
}

TEST_CASE("Pool: waiters are served in turn, bounded in number and time", "[pg]") {
  Pool pool(
      {.connection = TestPostgres().CreateDatabase(), .max_connections = 1, .max_waiters = 2});
  auto held = pool.Acquire(In(absl::Seconds(20)));
  REQUIRE_THAT(held, IsOk());
  CHECK_THAT(pool.Acquire(In(absl::Milliseconds(50))),
             StatusIs(absl::StatusCode::kDeadlineExceeded));
  std::atomic<int> order = 0;
  int first = 0, second = 0;
  std::thread one([&] {
    auto lease = pool.Acquire(In(absl::Seconds(20)));
    first = lease.ok() ? ++order : -1;
  });
  REQUIRE(Eventually([&] { return pool.usage().waiting == 1; }));
  std::thread two([&] {
    auto lease = pool.Acquire(In(absl::Seconds(20)));
    second = lease.ok() ? ++order : -1;
  });
  REQUIRE(Eventually([&] { return pool.usage().waiting == 2; }));
  CHECK_THAT(pool.Acquire(In(absl::Seconds(20))), StatusIs(absl::StatusCode::kResourceExhausted));
  { const auto released = std::move(*held); }
  one.join();
  two.join();
  CHECK(first == 1);
  CHECK(second == 2);
  CHECK(pool.usage().open == 1);
  CHECK(pool.usage().in_use == 0);
}

TEST_CASE("Pool: a discarded connection frees its place for a waiter", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase(), .max_connections = 1});
  auto held = pool.Acquire(In(absl::Seconds(20)));
  REQUIRE_THAT(held, IsOk());
  absl::Status status;
  std::thread waiter([&] { status = pool.Check(In(absl::Seconds(20))); });
  REQUIRE(Eventually([&] { return pool.usage().waiting == 1; }));
  held->Discard();
  { const auto released = std::move(*held); }
  waiter.join();
  CHECK_THAT(status, IsOk());
  CHECK(pool.usage().open == 1);
}

TEST_CASE("Pool: many threads over few connections", "[pg]") {
  const std::string connection = TestPostgres().CreateDatabase();
  TestPostgres().Sql(connection, "CREATE TABLE n (v int)");
  Pool pool({.connection = connection, .max_connections = 3});
  constexpr Query kInsert{"test.n", "INSERT INTO n VALUES ($1)"};
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const absl::Status status =
            Transact(pool, "Insert", In(absl::Seconds(30)), [&](Transaction& tx) {
              tx.Exec(kInsert, t * 100 + i);
              return absl::OkStatus();
            });
        if (!status.ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(pool.usage().open <= 3);
  CHECK(TestPostgres().Sql(connection, "SELECT count(DISTINCT v) FROM n") == "240");
}

TEST_CASE("Pool: works again after the server was killed and started", "[pg]") {
  testing::PrivatePostgres server;
  Pool pool({.connection = server.CreateDatabase()});
  {
    auto a = pool.Acquire(In(absl::Seconds(20)));
    auto b = pool.Acquire(In(absl::Seconds(20)));
    REQUIRE((a.ok() && b.ok()));
  }
  CHECK(pool.usage().open == 2);
  server.Kill();
  CHECK_THAT(pool.Check(In(absl::Seconds(5))), StatusIs(absl::StatusCode::kUnavailable));
  server.Start();
  CHECK_THAT(pool.Check(In(absl::Seconds(5))), IsOk());
}

TEST_CASE("Pool: stale connections of a restarted server cost no error", "[pg]") {
  testing::PrivatePostgres server;
  Pool pool({.connection = server.CreateDatabase()});
  REQUIRE_THAT(pool.Check(In(absl::Seconds(20))), IsOk());
  server.StopImmediately();
  server.Start();
  CHECK_THAT(pool.Check(In(absl::Seconds(20))), IsOk());
}

TEST_CASE("Pool: a server that hangs holds no call beyond its deadline", "[pg]") {
  testing::PrivatePostgres server;
  Pool pool({.connection = server.CreateDatabase()});
  REQUIRE_THAT(pool.Check(In(absl::Seconds(20))), IsOk());
  server.Freeze();
  const absl::Time start = absl::Now();
  CHECK_THAT(pool.Check(In(absl::Milliseconds(200))), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(absl::Now() - start < absl::Seconds(10));
  server.Thaw();
  CHECK_THAT(pool.Check(In(absl::Seconds(20))), IsOk());

  absl::Status committing = Transact(pool, "Commit", In(absl::Seconds(2)), [&](Transaction& tx) {
    tx.ExecDynamic("test.one", "SELECT 1", {});
    server.Freeze();
    return absl::OkStatus();
  });
  CHECK_THAT(committing, StatusIs(absl::StatusCode::kUnknown));
  server.Thaw();
  CHECK_THAT(pool.Check(In(absl::Seconds(20))), IsOk());
}

TEST_CASE("Pool: the server ends a transaction whose client is silent", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase(),
             .idle_in_transaction_timeout = absl::Milliseconds(200)});
  const std::string watcher = TestPostgres().CreateDatabase();
  const absl::Status status = Transact(pool, "Silent", In(absl::Seconds(30)), [&](Transaction& tx) {
    const std::string pid =
        TextField(tx.ExecDynamic("test.pid", "SELECT pg_backend_pid()::text", {})[0][0]);
    REQUIRE(Eventually([&] {
      return TestPostgres().Sql(watcher,
                                "SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) == "0";
    }));
    tx.ExecDynamic("test.late", "SELECT 1", {});
    return absl::OkStatus();
  });
  CHECK_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace kabar::pg
