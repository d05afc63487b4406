#include "services/dispatcher/keeper.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/events/consumer.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/pg/listener.h"
#include "libs/pg/pool.h"
#include "libs/rpc/channel.h"
#include "services/dispatcher/config.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/figures.h"
#include "services/dispatcher/keeper_loop.h"
#include "services/dispatcher/lane_closer.h"
#include "services/dispatcher/pg_erasure.h"
#include "services/dispatcher/queue_keeper.h"
#include "services/dispatcher/rescuer.h"
#include "services/dispatcher/retention.h"
#include "services/dispatcher/webhook_applier.h"

namespace kabar::dispatcher {

struct Keeper::Parts {
  Parts(const Config& config, pg::Pool& pool, PgStore& store, Queue& queue,
        const whatsapp::ErrorPolicy& policy, base::Clock& clock)
      : publisher(pool),
        trimmer(pool, {.required = config.event_consumers}),
        webhook_news(pool.options(), {kWebhookChannel}),
        webhooks(store, store, queue, policy, clock),
        rescuer(store, queue, config.unknown_window, clock),
        lanes(store, queue, clock),
        queue_keeper({}, queue, store, clock),
        figures(store, store, queue, clock),
        retention(store, config.message_retention, clock),
        eraser(pool, clock),
        caller(config.service_key),
        consent_sink(MakeConsentSink(pool)),
        consents(
            {.source = "contacts", .consumer = "dispatcher"},
            rpc::MakeChannel(config.contacts_address),
            [this](grpc::ClientContext& context) {
              caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
            },
            *consent_sink),
        apply_loop(
            "webhooks", [this](std::stop_token stop) { AwaitWebhooks(stop); },
            [this] { return ApplyWebhooks(); }),
        rescue_loop("rescue", absl::Milliseconds(500), clock, [this] { return rescuer.RunOnce(); }),
        end_loop("end_lanes", absl::Milliseconds(200), clock, [this] { return lanes.EndLanes(); }),
        close_loop("close_lanes", absl::Seconds(1), clock, [this] { return lanes.CloseLanes(); }),
        figures_loop("figures", absl::Seconds(5), clock, [this] { return figures.RunOnce(); }),
        trim_loop("trim", absl::Minutes(1), clock,
                  [&config, &store]() -> absl::StatusOr<bool> {
                    KABAR_ASSIGN_OR_RETURN(
                        const std::int64_t rows,
                        store.Trim(config.journal_retention, absl::Now() + absl::Seconds(30)));
                    return rows >= 5000;
                  }),
        retention_loop("retention", absl::Minutes(10), clock,
                       [this] { return retention.RunOnce(); }),
        erase_loop("erase", absl::Seconds(1), clock, [this] { return eraser.RunOnce(); }) {}

  void Start() {
    publisher.Start();
    trimmer.Start();
    queue_keeper.Start();
    consents.Start();
    for (KeeperLoop* loop : Loops()) {
      loop->Start();
    }
  }

  void Stop() {
    for (KeeperLoop* loop : Loops()) {
      loop->Stop();
    }
    consents.Stop();
    queue_keeper.Stop();
    trimmer.Stop();
    publisher.Stop();
  }

  std::vector<KeeperLoop*> Loops() {
    return {&apply_loop,   &rescue_loop, &end_loop,       &close_loop,
            &figures_loop, &trim_loop,   &retention_loop, &erase_loop};
  }
  absl::StatusOr<bool> ApplyWebhooks() {
    seen = webhook_news.Seen();  // before looking: what comes meanwhile is news
    return webhooks.RunOnce();
  }
  void AwaitWebhooks(std::stop_token stop) {
    webhook_news.WaitNewer(seen, absl::Now() + absl::Milliseconds(500), stop);
  }

  events::Publisher publisher;
  events::Reader trimmer;
  pg::Listener webhook_news;
  std::uint64_t seen = 0;  // of webhook_news, by the applying thread
  WebhookApplier webhooks;
  Rescuer rescuer;
  LaneCloser lanes;
  QueueKeeper queue_keeper;
  FigureKeeper figures;
  Retention retention;
  Eraser eraser;
  rpc::Caller caller;
  std::unique_ptr<events::Sink> consent_sink;
  events::Consumer consents;
  KeeperLoop apply_loop;
  KeeperLoop rescue_loop;
  KeeperLoop end_loop;
  KeeperLoop close_loop;
  KeeperLoop figures_loop;
  KeeperLoop trim_loop;
  KeeperLoop retention_loop;
  KeeperLoop erase_loop;
};

Keeper::Keeper(const Config& config, pg::Pool& pool, PgStore& store, Queue& queue,
               const whatsapp::ErrorPolicy& policy, base::Clock& clock)
    : parts_(std::make_unique<Parts>(config, pool, store, queue, policy, clock)) {
  parts_->Start();
}

Keeper::~Keeper() { parts_->Stop(); }

}  // namespace kabar::dispatcher
