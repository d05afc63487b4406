// kabar-templates: templates, their versions, and rendering.
#include <optional>

#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/local_time.h"
#include "libs/log/log.h"
#include "libs/metrics/exposer.h"
#include "libs/pg/pool.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/key_file.h"
#include "libs/rpc/server_runner.h"
#include "services/templates/compiled_templates.h"
#include "services/templates/config.h"
#include "services/templates/handler.h"
#include "services/templates/migrations.h"
#include "services/templates/peers.h"
#include "services/templates/pg_store.h"
#include "services/templates/provider_sync.h"
#include "services/templates/request_sweep.h"

namespace kabar::templates {
namespace {

constexpr absl::Duration kMigrationTimeout = absl::Minutes(5);

int Fail(absl::string_view what, const absl::Status& status) {
  log::Error("cannot start", {{"step", what}, {"error", status}});
  return 1;
}

int Main(const Config& config) {
  pg::PoolOptions database;
  database.connection = config.database_url;
  database.schema = "templates";
  database.application_name = "kabar-templates";
  database.max_connections = config.database_connections;
  if (const absl::Status migrated =
          pg::Migrate(database, TemplatesMigrations(), absl::Now() + kMigrationTimeout);
      !migrated.ok()) {
    return Fail("migrate", migrated);
  }
  const auto keys = rpc::KeyFile::Open(config.key_file);
  if (!keys.ok()) return Fail("read the key file", keys.status());
  const auto zone = base::LoadZone(config.time_zone);
  if (!zone.ok()) return Fail("load the time zone", zone.status());
  const auto exposer = metrics::Exposer::Start(config.metrics_listen);
  if (!exposer.ok()) return Fail("serve metrics", exposer.status());

  pg::Pool pool(database);
  PgStore store(pool);
  CompiledTemplates compiled(store, config.cache_bytes());
  RequestSweep sweep(store, base::SystemClock());
  rpc::Guard guard({.service = "templates"}, **keys);
  std::optional<Peers> peers;
  std::optional<ProviderSync> sync;
  if (!config.dispatcher_address.empty()) {
    peers.emplace(config.dispatcher_address, config.service_key);
    sync.emplace(ProviderSync::Options{.every = config.sync_every}, store, *peers,
                 base::SystemClock());
  }
  Handler handler(store, compiled, base::SystemClock(), guard, *zone,
                  sync.has_value() ? &*sync : nullptr);
  rpc::ServerRunner runner({.address = config.listen, .drain_pause = config.drain_pause}, guard);
  runner.Register(&handler);
  runner.OnStop("request sweep", [&] { sweep.Stop(); });
  runner.OnStop("provider templates", [&] {
    if (sync.has_value()) sync->Stop();
  });
  if (const absl::Status started = runner.Start(); !started.ok()) return Fail("listen", started);
  if (sync.has_value()) sync->Start();
  runner.WaitForSignal();
  runner.Drain();
  return 0;
}

}  // namespace
}  // namespace kabar::templates

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::templates::Main(kabar::templates::ParseConfigOrExit(argc, argv));
}
