// kabar-triggers: events become messages, customers' words become answers.
#include "absl/time/clock.h"
#include "libs/base/clock.h"
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
#include "services/triggers/answer_loop.h"
#include "services/triggers/config.h"
#include "services/triggers/events_handler.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/handler.h"
#include "services/triggers/migrations.h"
#include "services/triggers/peers.h"
#include "services/triggers/pg_erasure.h"
#include "services/triggers/pg_store.h"
#include "services/triggers/stale_loop.h"
#include "services/triggers/step_loop.h"
#include "services/triggers/sweep.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kMigrationTimeout = absl::Minutes(5);

int Fail(absl::string_view what, const absl::Status& status) {
  log::Error("cannot start", {{"step", what}, {"error", status}});
  return 1;
}

int Main(const Config& config) {
  pg::PoolOptions database;
  database.connection = config.database_url;
  database.schema = "triggers";
  database.application_name = "kabar-triggers";
  database.max_connections = config.database_connections;
  if (const absl::Status migrated =
          pg::Migrate(database, TriggersMigrations(), absl::Now() + kMigrationTimeout);
      !migrated.ok()) {
    return Fail("migrate", migrated);
  }
  const auto keys = rpc::KeyFile::Open(config.key_file);
  if (!keys.ok()) return Fail("read the key file", keys.status());
  const auto exposer = metrics::Exposer::Start(config.metrics_listen);
  if (!exposer.ok()) return Fail("serve metrics", exposer.status());

  base::Clock& clock = base::SystemClock();
  pg::Pool pool(database);
  PgStore store(pool);
  Peers peers({.contacts = config.contacts_address,
               .templates = config.templates_address,
               .dispatcher = config.dispatcher_address},
              config.service_key);
  HandOver hand_over(store, peers, clock);
  StepLoop steps(store, hand_over, clock);
  StaleLoop stale(store, peers, hand_over, clock);
  AnswerLoop answers(store, peers, clock, {});
  Sweep sweep(store, config.event_retention, clock);
  EraseLoop erasures(pool, clock);

  const rpc::Caller caller(config.service_key);
  WakingSink sink(store.MakeDispatcherSink(clock, config.answer_window), answers);
  events::Consumer dispatcher(
      {.source = "dispatcher", .consumer = "triggers"}, rpc::MakeChannel(config.dispatcher_address),
      [&](grpc::ClientContext& context) {
        caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
      },
      sink);
  events::Publisher publisher(pool);
  events::Reader reader(pool, {.required = {"analytics", "contacts"}});

  rpc::Guard guard({.service = "triggers"}, **keys);
  Handler handler(store, peers, clock, guard, [&] { steps.Wake(); });
  EventsHandler events_handler(reader, guard);
  rpc::ServerRunner runner({.address = config.listen, .drain_pause = config.drain_pause}, guard);
  runner.Register(&handler);
  runner.Register(&events_handler);
  runner.OnStop("events of dispatcher", [&] { dispatcher.Stop(); });
  runner.OnStop("due steps", [&] { steps.Stop(); });
  runner.OnStop("old texts", [&] { stale.Stop(); });
  runner.OnStop("answers", [&] { answers.Stop(); });
  runner.OnStop("publisher", [&] { publisher.Stop(); });
  runner.OnStop("trimming", [&] { reader.Stop(); });
  runner.OnStop("sweep", [&] { sweep.Stop(); });
  runner.OnStop("erasures", [&] { erasures.Stop(); });
  if (const absl::Status started = runner.Start(); !started.ok()) return Fail("listen", started);
  publisher.Start();
  reader.Start();
  dispatcher.Start();
  answers.Start();
  steps.Start();
  stale.Start();
  erasures.Start();
  log::Info("serving", {{"listen", runner.address()}});
  runner.WaitForSignal();
  runner.Drain();
  return 0;
}

}  // namespace
}  // namespace kabar::triggers

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::triggers::Main(kabar::triggers::ParseConfigOrExit(argc, argv));
}
