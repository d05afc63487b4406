// kabar-dispatcher: the ledger, its queues and the workers that send. Roles: api, keeper, worker.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "libs/audit/handler.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/events/reader.h"
#include "libs/http/client.h"
#include "libs/log/log.h"
#include "libs/metrics/exposer.h"
#include "libs/pg/pool.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/key_file.h"
#include "libs/rpc/server_runner.h"
#include "libs/whatsapp/client.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/accounts.h"
#include "services/dispatcher/config.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/keeper.h"
#include "services/dispatcher/keeper_lock.h"
#include "services/dispatcher/keeper_loop.h"
#include "services/dispatcher/media_uploader.h"
#include "services/dispatcher/migrations.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/secret.h"
#include "services/dispatcher/sender_tokens.h"
#include "services/dispatcher/worker.h"

namespace kabar::dispatcher {
namespace {

// A migration may rewrite the ledger.
constexpr absl::Duration kMigrationTimeout = absl::Minutes(30);
constexpr absl::Duration kLastOutcomes = absl::Seconds(2);

pg::PoolOptions DatabaseOptions(const Config& config) {
  pg::PoolOptions options;
  options.connection = WithPlannerSettings(config.database_url);
  options.schema = "dispatcher";
  options.application_name = "kabar-dispatcher";
  options.max_connections = config.database_connections;
  return options;
}

SenderPolicy SenderPolicyOf(const Config& config) {
  return {.failures = config.circuit_failures,
          .cool_down = config.circuit_cool_down,
          .longest_cool_down = config.circuit_longest_cool_down,
          .probe_for = config.hold + config.request_timeout + absl::Seconds(2)};
}

// What every role uses.
struct Core {
  Core(const Config& c, std::optional<SecretBox> box, whatsapp::ErrorPolicy p)
      : config(c),
        secrets(std::move(box)),
        policy(std::move(p)),
        pool(DatabaseOptions(c)),
        store(pool),
        queue({.url = c.redis_url,
               .max_connections = c.redis_connections,
               .sender = SenderPolicyOf(c)},
              base::SystemClock()) {}

  const Config& config;
  const std::optional<SecretBox> secrets;  // a keeper alone opens no token and has none
  const whatsapp::ErrorPolicy policy;
  pg::Pool pool;
  PgStore store;
  RedisQueue queue;
};

struct KeeperRole {
  explicit KeeperRole(Core& core)
      : pool([&] {
          pg::PoolOptions options = DatabaseOptions(core.config);
          options.application_name = "kabar-dispatcher-keeper";
          options.max_connections = 1;
          return options;
        }()),
        lock(
            pool, base::SystemClock(),
            [this, &core] {
              keeper.emplace(core.config, core.pool, core.store, core.queue, core.policy,
                             base::SystemClock());
            },
            [this] { keeper.reset(); }) {
    lock.Start();
  }

  pg::Pool pool;
  std::optional<Keeper> keeper;
  KeeperLock lock;
};

struct WorkerRole {
  WorkerRole(Core& core, std::unique_ptr<http::Client> h)
      : stop_timeout(core.config.stop_timeout),
        http(std::move(h)),
        client(http.get(), core.config.provider_version, &core.policy),
        tokens(core.store, *core.secrets, base::SystemClock()),
        worker(
            {.name = core.config.worker_name,
             .claimers = core.config.claimers,
             .max_claim = core.config.max_claim,
             .max_in_flight = core.config.max_in_flight,
             .hold = core.config.hold,
             .lease = core.config.lease,
             .request_timeout = core.config.request_timeout},
            core.queue, core.store,
            [this](const std::string& sender) { return tokens.Get(sender); },
            [this](whatsapp::SendRequest request, http::BeforeWrite gate,
                   whatsapp::Client::OnSent done) {
              client.Send(std::move(request), std::move(gate), std::move(done));
            },
            core.policy, base::SystemClock()),
        accounts(core.config.provider_url, core.config.provider_version, core.policy),
        uploader(
            core.store, [this](const std::string& sender) { return tokens.Get(sender); },
            [this](const SenderCredentials& sender, const WantedUpload& medium,
                   absl::Time deadline) { return accounts.UploadMedium(sender, medium, deadline); },
            base::SystemClock()),
        uploads("media", absl::Seconds(1), base::SystemClock(),
                [this] { return uploader.RunOnce(); }) {
    worker.Start();
    uploads.Start();
  }

  void Stop() {
    if (std::exchange(stopped, true)) return;
    const absl::Time start = absl::Now();
    const absl::Time deadline = start + stop_timeout;
    // Requests get the time but for its end, so that what is cut off is still told to the ledger.
    worker.Stop(deadline - std::min(stop_timeout / 5, kLastOutcomes));
    http->Stop(absl::Now());  // its callbacks name the worker
    if (worker.Stop(deadline)) log::Info("worker drained", {{"took", absl::Now() - start}});
  }

  const absl::Duration stop_timeout;
  bool stopped = false;
  std::unique_ptr<http::Client> http;
  whatsapp::Client client;
  SenderTokens tokens;
  Worker worker;
  Accounts accounts;
  MediaUploader uploader;
  KeeperLoop uploads;  // of media
};

absl::StatusOr<std::unique_ptr<WorkerRole>> StartWorker(Core& core) {
  KABAR_ASSIGN_OR_RETURN(
      auto http, http::Client::Create({.base_url = core.config.provider_url,
                                       .max_connections = core.config.provider_connections}));
  return std::make_unique<WorkerRole>(core, std::move(http));
}

absl::Status ServeApi(Core& core, const std::function<void()>& stop_worker) {
  KABAR_ASSIGN_OR_RETURN(const auto keys, rpc::KeyFile::Open(core.config.key_file));
  rpc::Guard guard({.service = "dispatcher"}, *keys);
  const Accounts accounts(core.config.provider_url, core.config.provider_version, core.policy);
  Handler handler(core.store, core.store, core.queue, *core.secrets, accounts, base::SystemClock(),
                  guard);
  events::Reader reader(core.pool, {.required = core.config.event_consumers});
  EventsHandler events_handler(reader, guard);
  audit::Handler audit_handler(core.pool, guard);
  rpc::ServerRunner runner({.address = core.config.listen, .drain_pause = core.config.drain_pause},
                           guard);
  runner.Register(&handler);
  runner.Register(&events_handler);
  runner.Register(&audit_handler);
  runner.OnStop("worker", stop_worker);
  KABAR_RETURN_IF_ERROR(runner.Start());
  log::Info("serving", {{"listen", runner.address()}});
  runner.WaitForSignal();
  runner.Drain();
  return absl::OkStatus();
}

absl::Status Run(const Config& config) {
  KABAR_RETURN_IF_ERROR(pg::Migrate(DatabaseOptions(config), DispatcherMigrations(),
                                    absl::Now() + kMigrationTimeout));
  KABAR_ASSIGN_OR_RETURN(const auto exposer, metrics::Exposer::Start(config.metrics_listen));
  std::optional<SecretBox> secrets;
  if (!config.master_key.empty()) {
    KABAR_ASSIGN_OR_RETURN(secrets, SecretBox::FromKey(config.master_key));
  }
  KABAR_ASSIGN_OR_RETURN(
      whatsapp::ErrorPolicy policy,
      config.error_policy.empty()
          ? absl::StatusOr<whatsapp::ErrorPolicy>(whatsapp::ErrorPolicy::BuiltIn())
          : whatsapp::ErrorPolicy::LoadFile(config.error_policy));
  Core core(config, std::move(secrets), std::move(policy));
  std::unique_ptr<KeeperRole> keeper;
  if (config.HasRole("keeper")) keeper = std::make_unique<KeeperRole>(core);
  std::unique_ptr<WorkerRole> worker;
  if (config.HasRole("worker")) {
    KABAR_ASSIGN_OR_RETURN(worker, StartWorker(core));
  }
  const auto stop_worker = [&] {
    if (worker != nullptr) worker->Stop();
  };
  if (config.HasRole("api")) {
    const absl::Status served = ServeApi(core, stop_worker);
    stop_worker();  // sends already, also when the API could not start
    return served;
  }
  log::Info("working");
  rpc::WaitForShutdownSignal();
  stop_worker();
  return absl::OkStatus();
}

int Main(const Config& config) {
  const absl::Status status = Run(config);
  if (status.ok()) return 0;
  log::Error("cannot start", {{"error", status}});
  return 1;
}

}  // namespace
}  // namespace kabar::dispatcher

int main(int argc, char** argv) {
  kabar::rpc::BlockShutdownSignals();
  return kabar::dispatcher::Main(kabar::dispatcher::ParseConfigOrExit(argc, argv));
}
