#include "libs/pg/watchdog.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

namespace kabar::pg {

struct Watchdog::State {
  using Key = std::pair<absl::Time, uint64_t>;

  absl::Time Earliest() const {
    return guarded.empty() ? absl::InfiniteFuture() : guarded.begin()->first.first;
  }

  void Run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake_at = std::min(Earliest(), absl::Now() + absl::Hours(1));
      changed.wait_until(lock, stop, absl::ToChronoTime(wake_at),
                         [&] { return Earliest() < wake_at; });
      while (!guarded.empty() && Earliest() <= absl::Now()) {
        shutdown(guarded.begin()->second, SHUT_RDWR);
        guarded.erase(guarded.begin());
      }
    }
  }

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<Key, int> guarded;  // sockets
  absl::Time wake_at = absl::InfiniteFuture();
  uint64_t next_id = 0;
  std::jthread thread;
};

Watchdog::Watchdog() : state_(std::make_unique<State>()) {
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->Run(stop); });
}

Watchdog::~Watchdog() = default;

Watchdog::Guard::Guard(Watchdog& watchdog, int socket, absl::Time deadline)
    : watchdog_(watchdog), deadline_(deadline) {
  State& state = *watchdog.state_;
  const std::lock_guard lock(state.mutex);
  id_ = ++state.next_id;
  state.guarded.emplace(State::Key(deadline, id_), socket);
  if (deadline < state.wake_at) state.changed.notify_one();
}

Watchdog::Guard::~Guard() {
  State& state = *watchdog_.state_;
  const std::lock_guard lock(state.mutex);
  state.guarded.erase(State::Key(deadline_, id_));
}

}  // namespace kabar::pg
