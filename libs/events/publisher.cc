#include "libs/events/publisher.h"

#include <mutex>
#include <thread>

#include "libs/base/clock.h"
#include "libs/base/fail_point.h"
#include "libs/events/outbox.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/listener.h"
#include "libs/pg/transaction.h"

namespace kabar::events {
namespace {

// Without the lock: an idle publisher writes nothing.
constexpr pg::Query kPending{"events.pending",
                             "SELECT EXISTS (SELECT 1 FROM outbox WHERE number IS NULL)"};
// A statement of its own: the next one must see what the lock's last holder committed.
constexpr pg::Query kLock{"events.lock_publisher",
                          "SELECT next_number FROM event_publisher FOR UPDATE"};
constexpr pg::Query kNumber{
    "events.number",
    "WITH due AS (SELECT id, $1::bigint - 1 + row_number() OVER (ORDER BY id) AS number FROM "
    "  (SELECT id FROM outbox WHERE number IS NULL ORDER BY id LIMIT $2) AS oldest) "
    "UPDATE outbox SET number = due.number FROM due WHERE outbox.id = due.id"};
constexpr pg::Query kAdvance{"events.advance",
                             "UPDATE event_publisher SET next_number = next_number + $1"};

}  // namespace

struct Publisher::State {
  State(pg::Pool& p, Options o) : pool(p), options(o) {}

  pg::Pool& pool;
  const Options options;
  std::unique_ptr<pg::Listener> listener;
  std::jthread thread;
};

Publisher::Publisher(pg::Pool& pool, Options options)
    : state_(std::make_unique<State>(pool, options)) {}

Publisher::~Publisher() { Stop(); }

void Publisher::Start() {
  state_->listener = std::make_unique<pg::Listener>(
      state_->pool.options(),
      std::vector<std::string>{CommittedChannel(state_->pool.options().schema)});
  state_->thread = std::jthread([this](const std::stop_token& stop) {
    const pg::Listener& news = *state_->listener;
    while (!stop.stop_requested()) {
      const uint64_t seen = news.Seen();
      const absl::StatusOr<int64_t> numbered =
          PublishOnce(absl::Now() + state_->pool.options().default_timeout);
      if (!numbered.ok()) {
        static log::Throttle throttle(absl::Seconds(10));
        log::Warn(throttle, "events are not being numbered; retrying",
                  {{"error", numbered.status()}});
      } else if (*numbered == state_->options.max_rows) {
        continue;  // there may be more
      } else if (*numbered > 0) {
        base::SystemClock().SleepFor(state_->options.pace, stop);
      }
      news.WaitNewer(seen, absl::Now() + state_->options.poll, stop);
    }
  });
}

void Publisher::Stop() {
  if (state_->thread.joinable()) {
    state_->thread.request_stop();
    state_->thread.join();
  }
  state_->listener.reset();
}

absl::StatusOr<int64_t> Publisher::PublishOnce(absl::Time deadline) {
  int64_t numbered = 0;
  absl::Status status =
      pg::Transact(state_->pool, "PublishEvents", deadline, [&](pg::Transaction& tx) {
        numbered = 0;
        if (!tx.ExecOne(kPending)[0].as<bool>()) return absl::OkStatus();
        const int64_t next = tx.ExecOne(kLock)[0].as<int64_t>();
        numbered =
            static_cast<int64_t>(tx.Exec(kNumber, next, state_->options.max_rows).affected_rows());
        if (numbered == 0) return absl::OkStatus();  // another publisher was faster
        tx.Exec(kAdvance, numbered);
        tx.NotifyAfterCommit(NumberedChannel(tx.schema()));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (numbered > 0) {
    base::FailPoint("events-numbered");
    metrics::GetCounter("kabar_events_published_total", "Event batches that got their number.",
                        {{"schema", state_->pool.options().schema}})
        .Increment(static_cast<double>(numbered));
  }
  return numbered;
}

}  // namespace kabar::events
