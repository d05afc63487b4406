#include "libs/pg/listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <pqxx/notification>
#include <thread>

#include "libs/base/backoff.h"
#include "libs/log/log.h"
#include "libs/pg/exceptions.h"
#include "libs/pg/session.h"

namespace kabar::pg {

struct Listener::State {
  State(PoolOptions o, std::vector<std::string> c)
      : options(std::move(o)), channels(std::move(c)), wake(eventfd(0, EFD_CLOEXEC)) {}
  ~State() { close(wake); }

  void Bump() {
    const std::lock_guard lock(mutex);
    ++seen;
    news.notify_all();
  }

  // Until a notification, a reconnection's end or the stop. Throws when the connection is lost.
  void Follow(Session& session, const std::stop_token& stop) {
    pqxx::connection& connection = session.connection();
    while (!stop.stop_requested()) {
      pollfd waits[] = {{.fd = connection.sock(), .events = POLLIN, .revents = 0},
                        {.fd = wake, .events = POLLIN, .revents = 0}};
      poll(waits, 2, -1);
      if (waits[0].revents == 0) continue;
      connection.get_notifs();
      if (!connection.is_open()) throw pqxx::broken_connection();
    }
  }

  void Run(const std::stop_token& stop);

  const PoolOptions options;
  const std::vector<std::string> channels;
  const int wake;                            // eventfd: readable once the thread shall end
  std::atomic<uint64_t> session_number = 0;  // 0: not connected

  mutable std::mutex mutex;
  mutable std::condition_variable_any news;
  uint64_t seen = 0;

  std::jthread thread;  // last: joins first
};

namespace {

class Receiver : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection& connection, const std::string& channel, std::function<void()> call)
      : notification_receiver(connection, channel), call_(std::move(call)) {}
  void operator()(const std::string&, int) override { call_(); }

 private:
  std::function<void()> call_;
};

}  // namespace

void Listener::State::Run(const std::stop_token& stop) {
  base::Backoff backoff({.initial = absl::Milliseconds(50), .max = absl::Seconds(2)});
  uint64_t sessions = 0;
  while (!stop.stop_requested()) {
    absl::Status status;
    try {
      auto session = Session::Open(options, absl::Now() + options.connect_timeout);
      status = session.status();
      if (session.ok()) {
        std::vector<std::unique_ptr<Receiver>> receivers;
        for (const std::string& channel : channels) {
          receivers.push_back(
              std::make_unique<Receiver>((*session)->connection(), channel, [this] { Bump(); }));
        }
        backoff.Reset();
        session_number = ++sessions;
        Bump();  // what was notified while nobody listened
        Follow(**session, stop);
      }
    } catch (...) {
      status = StatusOfException("listen");
    }
    session_number = 0;
    if (stop.stop_requested()) return;
    static log::Throttle throttle(absl::Seconds(10));
    log::Warn(throttle, "not listening for notifications; retrying", {{"error", status}});
    pollfd wait = {.fd = wake, .events = POLLIN, .revents = 0};
    poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(backoff.Next())) + 1);
  }
}

Listener::Listener(PoolOptions options, std::vector<std::string> channels)
    : state_(std::make_unique<State>(std::move(options), std::move(channels))) {
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->Run(stop); });
}

Listener::~Listener() {
  state_->thread.request_stop();
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(state_->wake, &one, sizeof(one));
}

uint64_t Listener::Seen() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seen;
}

bool Listener::WaitNewer(uint64_t seen, absl::Time deadline, std::stop_token stop) const {
  const auto until = absl::ToChronoTime(std::min(deadline, absl::Now() + absl::Hours(24)));
  std::unique_lock lock(state_->mutex);
  return state_->news.wait_until(lock, std::move(stop), until, [&] { return state_->seen > seen; });
}

void Listener::Poke() { state_->Bump(); }

bool Listener::connected() const { return state_->session_number != 0; }

uint64_t Listener::SessionNumber() const { return state_->session_number; }

}  // namespace kabar::pg
