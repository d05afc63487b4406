#include "libs/pg/listener.h"

#include <catch2/catch.hpp>

#include "libs/pg/transaction.h"
#include "libs/testing/eventually.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::pg {
namespace {

using testing::Eventually;
using testing::IsOk;
using testing::TestPostgres;

absl::Status Commit(Pool& pool, bool notify) {
  return Transact(pool, "Commit", absl::Now() + absl::Seconds(20), [&](Transaction& tx) {
    tx.ExecDynamic("test.one", "SELECT 1", {});
    if (notify) tx.NotifyAfterCommit("test.news");
    return absl::OkStatus();
  });
}

TEST_CASE("Listener: hears a commit's notification within 20 ms", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase()});
  Listener listener(pool.options(), {"test.news"});
  REQUIRE(Eventually([&] { return listener.connected() && listener.Seen() > 0; }));
  absl::Duration best = absl::InfiniteDuration();  // of several: the machine may be busy
  for (int i = 0; i < 10; ++i) {
    const uint64_t seen = listener.Seen();
    REQUIRE_THAT(Commit(pool, true), IsOk());
    const absl::Time committed = absl::Now();
    REQUIRE(listener.WaitNewer(seen, absl::Now() + absl::Seconds(20), {}));
    best = std::min(best, absl::Now() - committed);
  }
  CHECK(best < absl::Milliseconds(20));
}

TEST_CASE("Listener: is silent without a notification", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase()});
  Listener listener(pool.options(), {"test.news"});
  REQUIRE(Eventually([&] { return listener.connected() && listener.Seen() > 0; }));
  const uint64_t seen = listener.Seen();
  REQUIRE_THAT(Commit(pool, false), IsOk());
  CHECK_FALSE(listener.WaitNewer(seen, absl::Now() + absl::Milliseconds(100), {}));
  listener.Poke();
  CHECK(listener.WaitNewer(seen, absl::Now() + absl::Seconds(20), {}));
}

TEST_CASE("Listener: a stop ends the wait", "[pg]") {
  Pool pool({.connection = TestPostgres().CreateDatabase()});
  Listener listener(pool.options(), {"test.news"});
  REQUIRE(Eventually([&] { return listener.Seen() > 0; }));
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(listener.WaitNewer(listener.Seen(), absl::InfiniteFuture(), stop.get_token()));
}

TEST_CASE("Listener: connects again after the server was killed", "[pg]") {
  testing::PrivatePostgres server;
  Pool pool({.connection = server.CreateDatabase()});
  Listener listener(pool.options(), {"test.news"});
  REQUIRE(Eventually([&] { return listener.connected() && listener.Seen() > 0; }));
  const uint64_t seen = listener.Seen();
  CHECK(listener.SessionNumber() == 1);
  server.Kill();
  CHECK(Eventually([&] { return !listener.connected(); }));
  CHECK(listener.SessionNumber() == 0);
  server.Start();
  CHECK(
      listener.WaitNewer(seen, absl::Now() + absl::Seconds(20), {}));  // what may have been missed
  REQUIRE(Eventually([&] { return listener.connected(); }));
  CHECK(listener.SessionNumber() > 1);
  const uint64_t again = listener.Seen();
  REQUIRE_THAT(Commit(pool, true), IsOk());
  CHECK(listener.WaitNewer(again, absl::Now() + absl::Seconds(20), {}));
}

}  // namespace
}  // namespace kabar::pg
