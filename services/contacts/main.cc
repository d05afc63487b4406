// kabar-contacts: contacts, shipments, consents, segments, run audiences, imports.
#include "absl/time/clock.h"
#include "libs/audit/handler.h"
#include "libs/base/clock.h"
#include "libs/base/local_time.h"
#include "libs/events/consumer.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/log/log.h"
#include "libs/metrics/exposer.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/key_file.h"
#include "libs/rpc/server_runner.h"
#include "services/contacts/config.h"
#include "services/contacts/events_handler.h"
#include "services/contacts/handler.h"
#include "services/contacts/imports_handler.h"
#include "services/contacts/migrations.h"
#include "services/contacts/pg_store.h"
#include "services/contacts/request_sweep.h"
#include "services/contacts/segment.h"
#include "services/contacts/source_puller.h"
#include "services/contacts/sources_handler.h"

// How jemalloc keeps what is free (man jemalloc, TUNING). An import's chunks come and go on threads
// of their own: with an arena for each and pages kept for ten seconds, what is free of all chunks
// before stays with the process, as much again as it needs.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,dirty_decay_ms:300,muzzy_decay_ms:0";
}

namespace kabar::contacts {
namespace {

constexpr absl::Duration kMigrationTimeout = absl::Minutes(5);

int Fail(absl::string_view what, const absl::Status& status) {
  log::Error("cannot start", {{"step", what}, {"error", status}});
  return 1;
}

int Main(const Config& config) {
  pg::PoolOptions database;
  database.connection = config.database_url;
  database.schema = "contacts";
  database.application_name = "kabar-contacts";
  database.max_connections = config.database_connections;
  if (const absl::Status migrated =
          pg::Migrate(database, ContactsMigrations(), absl::Now() + kMigrationTimeout);
      !migrated.ok()) {
    return Fail("migrate", migrated);
  }
  const auto keys = rpc::KeyFile::Open(config.key_file);
  if (!keys.ok()) return Fail("read the key file", keys.status());
  const auto zone_name = base::CanonicalZoneName(config.time_zone);
  const auto zone = base::LoadZone(config.time_zone);
  if (!zone.ok() || !zone_name.ok()) return Fail("load the time zone", zone.status());
  const auto exposer = metrics::Exposer::Start(config.metrics_listen);
  if (!exposer.ok()) return Fail("serve metrics", exposer.status());

  pg::Pool pool(database);
  PgStore store(pool, *zone_name);
  const SegmentLanguage language(*zone);
  events::Publisher publisher(pool);
  events::Reader reader(pool, {.required = {"dispatcher"}});
  const auto dispatcher_sink = store.MakeDispatcherSink();
  const auto triggers_sink = store.MakeTriggersSink();
  const rpc::Caller caller(config.service_key);
  const auto prepare = [&](grpc::ClientContext& context) {
    caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
  };
  events::Consumer inbound({.source = "dispatcher", .consumer = "contacts"},
                           rpc::MakeChannel(config.dispatcher_address), prepare, *dispatcher_sink);
  events::Consumer orders({.source = "triggers", .consumer = "contacts", .from_oldest = true},
                          rpc::MakeChannel(config.triggers_address), prepare, *triggers_sink);
  RequestSweep sweep(store, config.audience_retention, base::SystemClock());
  rpc::Guard guard({.service = "contacts"}, **keys);
  Handler handler(store, language, *zone, base::SystemClock(), guard);
  ImportsHandler imports_handler(store, guard);
  auto source_hosts = SourceHosts::Parse(config.source_hosts);
  if (!source_hosts.ok()) return Fail("read the hosts of sources", source_hosts.status());
  const SourceRules rules{
      .hosts = *std::move(source_hosts), .secrets = config.source_secrets, .zone = *zone_name};
  SourcesHandler sources_handler(store, rules, base::SystemClock(), guard);
  SourcePuller puller(
      {.rules = rules, .threads = config.source_pulls, .pull_timeout = config.source_pull_timeout},
      store, base::SystemClock());
  EventsHandler events_handler(reader, guard);
  audit::Handler audit_handler(pool, guard);

  rpc::ServerRunner runner({.address = config.listen, .drain_pause = config.drain_pause}, guard);
  runner.Register(&handler);
  runner.Register(&imports_handler);
  runner.Register(&sources_handler);
  runner.Register(&events_handler);
  runner.Register(&audit_handler);
  runner.OnStop("inbound messages", [&] { inbound.Stop(); });
  runner.OnStop("orders", [&] { orders.Stop(); });
  runner.OnStop("source puller", [&] { puller.Stop(); });
  runner.OnStop("request sweep", [&] { sweep.Stop(); });
  if (const absl::Status started = runner.Start(); !started.ok()) return Fail("listen", started);
  publisher.Start();
  reader.Start();
  inbound.Start();
  orders.Start();
  puller.Start();
  log::Info("serving", {{"listen", runner.address()}});
  runner.WaitForSignal();
  runner.Drain();
  publisher.Stop();
  reader.Stop();
  return 0;
}

}  // namespace
}  // namespace kabar::contacts

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::contacts::Main(kabar::contacts::ParseConfigOrExit(argc, argv));
}
