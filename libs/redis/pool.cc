#include "libs/redis/pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::redis {
namespace {

struct Waiter {
  std::condition_variable ready;
  std::unique_ptr<Connection> connection;
};

}  // namespace

struct Pool::State {
  PoolOptions options;
  mutable std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> idle;
  std::list<Waiter*> waiters;
  int made = 0;
};

Pool::Pool(PoolOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}
Pool::~Pool() = default;

absl::StatusOr<Pool::Lease> Pool::Acquire(absl::Time deadline) {
  std::unique_lock lock(state_->mutex);
  if (!state_->idle.empty()) {
    std::unique_ptr<Connection> connection = std::move(state_->idle.back());
    state_->idle.pop_back();
    return Lease(this, std::move(connection));
  }
  if (state_->made < state_->options.max_connections) {
    ++state_->made;
    return Lease(this, std::make_unique<Connection>(state_->options.connection));
  }
  if (static_cast<int>(state_->waiters.size()) >= state_->options.max_waiters) {
    return base::Error(
        absl::StatusCode::kResourceExhausted, "REDIS_POOL_FULL",
        absl::StrCat("all ", state_->options.max_connections, " Redis connections are busy and ",
                     state_->options.max_waiters, " callers wait already"));
  }
  Waiter self;
  const auto place = state_->waiters.insert(state_->waiters.end(), &self);
  const auto until = absl::ToChronoTime(std::min(deadline, absl::Now() + absl::Hours(24)));
  if (!self.ready.wait_until(lock, until, [&] { return self.connection != nullptr; })) {
    state_->waiters.erase(place);
    return base::Error(absl::StatusCode::kDeadlineExceeded, "REDIS_POOL_BUSY",
                       absl::StrCat("none of ", state_->options.max_connections,
                                    " Redis connections came free in time"));
  }
  return Lease(this, std::move(self.connection));
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(state_->mutex);
  if (state_->waiters.empty()) {
    state_->idle.push_back(std::move(connection));
    return;
  }
  Waiter& first = *state_->waiters.front();
  state_->waiters.pop_front();
  first.connection = std::move(connection);
  first.ready.notify_one();
}

int Pool::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<int>(state_->waiters.size());
}

absl::StatusOr<Reply> Pool::Command(absl::Span<const absl::string_view> args, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(Lease lease, Acquire(deadline));
  return lease->Command(args, deadline);
}

Pool::Lease::Lease(Pool* pool, std::unique_ptr<Connection> connection)
    : pool_(pool), connection_(std::move(connection)) {}

Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}

Pool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->Return(std::move(connection_));
}

}  // namespace kabar::redis
