#include "libs/pg/pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/session.h"
#include "libs/pg/transaction.h"
#include "libs/pg/watchdog.h"

namespace kabar::pg {
namespace {

// A waiter gets either a connection or the right to open one.
struct Waiter {
  std::condition_variable ready;
  std::unique_ptr<Session> session;
  bool granted = false;
};

// Chrono's clock overflows on absl's infinities.
std::chrono::system_clock::time_point ChronoDeadline(absl::Time deadline) {
  return absl::ToChronoTime(std::min(deadline, absl::Now() + absl::Hours(24)));
}

}  // namespace

struct Pool::State {
  explicit State(PoolOptions o)
      : options(std::move(o)),
        wait_seconds(metrics::GetHistogram(
            "kabar_pg_pool_wait_seconds", "Wait for a database connection of the pool.",
            {{"schema", options.schema}}, metrics::LatencyBuckets())) {}

  // Gives `session`, or with none the right to open one, to the first waiter or to the pool.
  void Release(std::unique_ptr<Session> session) {
    const std::lock_guard lock(mutex);
    if (!waiters.empty()) {
      Waiter& first = *waiters.front();
      waiters.pop_front();
      first.session = std::move(session);
      first.granted = true;
      first.ready.notify_one();
    } else if (session == nullptr) {
      --open;
    } else {
      idle.push_back(std::move(session));
    }
  }

  const PoolOptions options;
  metrics::Histogram& wait_seconds;
  mutable std::mutex mutex;
  std::vector<std::unique_ptr<Session>> idle;  // the last used first
  std::list<Waiter*> waiters;
  int open = 0;  // connections, being opened or open
  Watchdog watchdog;
};

Pool::Pool(PoolOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Pool::~Pool() = default;

Watchdog& Pool::watchdog() { return state_->watchdog; }

const PoolOptions& Pool::options() const { return state_->options; }

Pool::Usage Pool::usage() const {
  const std::lock_guard lock(state_->mutex);
  return {.open = state_->open,
          .in_use = state_->open - static_cast<int>(state_->idle.size()),
          .waiting = static_cast<int>(state_->waiters.size())};
}

void Pool::CloseIdle() {
  std::vector<std::unique_ptr<Session>> closed;
  const std::lock_guard lock(state_->mutex);
  closed.swap(state_->idle);
  state_->open -= static_cast<int>(closed.size());
}

absl::Status Pool::Check(absl::Time deadline) {
  static constexpr Query kCheck{"pg.check", "SELECT 1"};
  return Transact(*this, "Check", deadline, [](Transaction& tx) {
    tx.ExecOne(kCheck);
    return absl::OkStatus();
  });
}

absl::StatusOr<Pool::Lease> Pool::Acquire(absl::Time deadline) {
  std::unique_ptr<Session> session;
  const absl::Time start = absl::Now();
  {
    std::unique_lock lock(state_->mutex);
    if (!state_->idle.empty()) {
      session = std::move(state_->idle.back());
      state_->idle.pop_back();
    } else if (state_->open < state_->options.max_connections) {
      ++state_->open;
    } else if (static_cast<int>(state_->waiters.size()) >= state_->options.max_waiters) {
      return base::Error(absl::StatusCode::kResourceExhausted, "DB_POOL_FULL",
                         absl::StrCat("all ", state_->options.max_connections,
                                      " database connections are busy and ",
                                      state_->options.max_waiters, " callers wait already"));
    } else {
      Waiter self;
      const auto place = state_->waiters.insert(state_->waiters.end(), &self);
      if (!self.ready.wait_until(lock, ChronoDeadline(deadline), [&] { return self.granted; })) {
        state_->waiters.erase(place);
        return base::Error(absl::StatusCode::kDeadlineExceeded, "DB_POOL_BUSY",
                           absl::StrCat("none of ", state_->options.max_connections,
                                        " database connections came free within ",
                                        absl::FormatDuration(deadline - start)));
      }
      session = std::move(self.session);
    }
  }
  state_->wait_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  if (session == nullptr) {
    absl::StatusOr<std::unique_ptr<Session>> opened = Session::Open(state_->options, deadline);
    if (!opened.ok()) {
      state_->Release(nullptr);
      return opened.status();
    }
    session = *std::move(opened);
  }
  return Lease(this, std::move(session));
}

void Pool::Return(std::unique_ptr<Session> session) { state_->Release(std::move(session)); }

Pool::Lease::Lease(Pool* pool, std::unique_ptr<Session> session)
    : pool_(pool), session_(std::move(session)) {}

Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), session_(std::move(other.session_)) {}

Pool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->Return(std::move(session_));
}

void Pool::Lease::Discard() { session_.reset(); }

}  // namespace kabar::pg
