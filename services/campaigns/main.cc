// kabar-campaigns: campaigns and their runs.
#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/audit/handler.h"
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
#include "services/campaigns/config.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/migrations.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/pg_store.h"
#include "services/campaigns/rate_card.h"
#include "services/campaigns/runner.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kMigrationTimeout = absl::Minutes(5);
constexpr absl::Duration kForgetEvery = absl::Minutes(10);
constexpr absl::Duration kKeepRequests = absl::Hours(24);

int Fail(absl::string_view what, const absl::Status& status) {
  log::Error("cannot start", {{"step", what}, {"error", status}});
  return 1;
}

void ForgetLoop(PgStore& store, base::Clock& clock, std::stop_token stop) {
  while (clock.SleepFor(kForgetEvery, stop)) {
    const absl::Status status =
        store.ForgetRequests(clock.Now() - kKeepRequests, clock.Now() + absl::Seconds(30));
    if (!status.ok()) log::Warn("old requests not forgotten", {{"error", status}});
  }
}

int Main(const Config& config) {
  pg::PoolOptions database;
  database.connection = config.database_url;
  database.schema = "campaigns";
  database.application_name = "kabar-campaigns";
  database.max_connections = config.database_connections;
  if (const absl::Status migrated =
          pg::Migrate(database, CampaignsMigrations(), absl::Now() + kMigrationTimeout);
      !migrated.ok()) {
    return Fail("migrate", migrated);
  }
  const auto keys = rpc::KeyFile::Open(config.key_file);
  if (!keys.ok()) return Fail("read the key file", keys.status());
  std::optional<RateCard> rate_card;
  if (!config.rate_card.empty()) {
    auto card = RateCard::Open(config.rate_card);
    if (!card.ok()) return Fail("read the rate card", card.status());
    rate_card = *std::move(card);
  }
  const auto exposer = metrics::Exposer::Start(config.metrics_listen);
  if (!exposer.ok()) return Fail("serve metrics", exposer.status());

  pg::Pool pool(database);
  PgStore store(pool);
  Peers peers({.contacts = config.contacts_address,
               .templates = config.templates_address,
               .dispatcher = config.dispatcher_address},
              config.service_key);
  Runner campaign_runner({.name = absl::StrCat("campaigns-", getpid())}, store, peers,
                         base::SystemClock());
  const rpc::Caller caller(config.service_key);
  const auto sink = store.MakeSink([&] { campaign_runner.Wake(); });
  events::Consumer consumer(
      {.source = "dispatcher", .consumer = "campaigns"},
      rpc::MakeChannel(config.dispatcher_address),
      [&](grpc::ClientContext& context) {
        caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
      },
      *sink);
  std::jthread forget([&](std::stop_token stop) { ForgetLoop(store, base::SystemClock(), stop); });

  rpc::Guard guard({.service = "campaigns"}, **keys);
  Handler handler(
      store, peers, [&] { campaign_runner.Wake(); }, base::SystemClock(), guard,
      rate_card ? &*rate_card : nullptr);
  audit::Handler audit_handler(pool, guard);
  rpc::ServerRunner server({.address = config.listen, .drain_pause = config.drain_pause}, guard);
  server.Register(&handler);
  server.Register(&audit_handler);
  server.OnStop("runs", [&] { campaign_runner.Stop(); });
  server.OnStop("events of dispatcher", [&] { consumer.Stop(); });
  if (const absl::Status started = server.Start(); !started.ok()) return Fail("listen", started);
  consumer.Start();
  campaign_runner.Start();
  log::Info("serving", {{"listen", server.address()}});
  server.WaitForSignal();
  server.Drain();
  return 0;
}

}  // namespace
}  // namespace kabar::campaigns

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::campaigns::Main(kabar::campaigns::ParseConfigOrExit(argc, argv));
}
