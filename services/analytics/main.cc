// kabar-analytics: figures, counted exactly once from the events of the other services.
#include <thread>

#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/events/consumer.h"
#include "libs/log/log.h"
#include "libs/metrics/exposer.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/key_file.h"
#include "libs/rpc/server_runner.h"
#include "services/analytics/config.h"
#include "services/analytics/handler.h"
#include "services/analytics/migrations.h"
#include "services/analytics/pg_store.h"

namespace kabar::analytics {
namespace {

constexpr absl::Duration kMigrationTimeout = absl::Minutes(5);
constexpr absl::Duration kForgetEvery = absl::Minutes(1);
constexpr absl::Duration kKeepSeconds = absl::Minutes(10);

int Fail(absl::string_view what, const absl::Status& status) {
  log::Error("cannot start", {{"step", what}, {"error", status}});
  return 1;
}

void ForgetLoop(PgStore& store, base::Clock& clock, std::stop_token stop) {
  while (clock.SleepFor(kForgetEvery, stop)) {
    const absl::Status status =
        store.ForgetSeconds(clock.Now() - kKeepSeconds, clock.Now() + absl::Seconds(30));
    if (!status.ok()) log::Warn("old seconds not forgotten", {{"error", status}});
  }
}

int Main(const Config& config) {
  pg::PoolOptions database;
  database.connection = config.database_url;
  database.schema = "analytics";
  database.application_name = "kabar-analytics";
  database.max_connections = config.database_connections;
  if (const absl::Status migrated =
          pg::Migrate(database, AnalyticsMigrations(), absl::Now() + kMigrationTimeout);
      !migrated.ok()) {
    return Fail("migrate", migrated);
  }
  const auto keys = rpc::KeyFile::Open(config.key_file);
  if (!keys.ok()) return Fail("read the key file", keys.status());
  const auto exposer = metrics::Exposer::Start(config.metrics_listen);
  if (!exposer.ok()) return Fail("serve metrics", exposer.status());

  pg::Pool pool(database);
  PgStore store(pool);
  const rpc::Caller caller(config.service_key);
  const auto prepare = [&](grpc::ClientContext& context) {
    caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
  };
  const auto dispatcher_sink = store.MakeSink("dispatcher");
  const auto triggers_sink = store.MakeSink("triggers");
  events::Consumer dispatcher({.source = "dispatcher", .consumer = "analytics"},
                              rpc::MakeChannel(config.dispatcher_address), prepare,
                              *dispatcher_sink);
  events::Consumer triggers({.source = "triggers", .consumer = "analytics"},
                            rpc::MakeChannel(config.triggers_address), prepare, *triggers_sink);
  std::jthread forget([&](std::stop_token stop) { ForgetLoop(store, base::SystemClock(), stop); });

  rpc::Guard guard({.service = "analytics"}, **keys);
  Handler handler(store, base::SystemClock(), guard);
  rpc::ServerRunner runner({.address = config.listen, .drain_pause = config.drain_pause}, guard);
  runner.Register(&handler);
  runner.OnStop("events of dispatcher", [&] { dispatcher.Stop(); });
  runner.OnStop("events of triggers", [&] { triggers.Stop(); });
  if (const absl::Status started = runner.Start(); !started.ok()) return Fail("listen", started);
  dispatcher.Start();
  triggers.Start();
  log::Info("serving", {{"listen", runner.address()}});
  runner.WaitForSignal();
  runner.Drain();
  return 0;
}

}  // namespace
}  // namespace kabar::analytics

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::analytics::Main(kabar::analytics::ParseConfigOrExit(argc, argv));
}
