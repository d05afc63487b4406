#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/http/client_connection.h"

namespace kabar::http {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
// While other connections still serve, a destination that refuses new ones is not pressed.
constexpr std::int64_t kConnectPauseMicros = 100000;

}  // namespace

ClientLoop::ClientLoop(const LoopLimits& limits, const Destination* destination)
    : limits_(limits), destination_(destination), tick_(io_) {
  guard_.emplace(io_.get_executor());
}

void ClientLoop::StartThread() {
  thread_ = std::thread([this] { io_.run(); });
  pthread_setname_np(thread_.native_handle(), "http-client");
}

void ClientLoop::Join() {
  if (thread_.joinable()) thread_.join();
}

// ---- From any thread -----------------------------------------------------------------------

void ClientLoop::Post(Pending pending) {
  if (waiting_count_.fetch_add(1) >= limits_.max_waiting) {
    --waiting_count_;
    CompleteNotSent(&pending, Reason::kTooManyWaiting,
                    absl::StrCat(limits_.max_waiting,
                                 " requests wait for a connection already; slow down or raise "
                                 "max_connections"));
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (accepting_) {
      if (incoming_.empty()) asio::post(io_, [this] { TakeIncoming(); });
      incoming_.push_back(std::move(pending));
      return;
    }
  }
  --waiting_count_;
  CompleteNotSent(&pending, Reason::kStopped, "the client is stopped");
}

void ClientLoop::BeginStop(absl::Time deadline) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!accepting_) return;
    accepting_ = false;
  }
  asio::post(io_, [this, stop_at = ToBootMicros(deadline)] {
    stopping_ = true;
    stop_at_us_ = stop_at;
    TakeIncoming();
    FailWaiting(Reason::kStopped, "the client is stopped");
    for (auto it = connections_.begin(); it != connections_.end();) {
      const std::shared_ptr<ClientConnection> connection = *it++;
      if (!connection->busy()) connection->Abandon(Reason::kStopped, "");
    }
    guard_.reset();
    OnTick();
  });
}

// ---- The loop's thread ---------------------------------------------------------------------

void ClientLoop::TakeIncoming() {
  std::vector<Pending> incoming;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    incoming.swap(incoming_);
  }
  for (Pending& pending : incoming) {
    earliest_deadline_us_ = std::min(earliest_deadline_us_, pending.deadline_us);
    waiting_.push_back(std::move(pending));
  }
  if (!stopping_) Dispatch();
}

void ClientLoop::Dispatch() {
  while (!waiting_.empty()) {
    if (waiting_.front().deadline_us <= BootMicros()) {
      FailExpired(BootMicros());
      continue;
    }
    ClientConnection* const connection = TakeIdle();
    if (connection == nullptr) {
      ConnectMore();
      break;
    }
    Pending pending = std::move(waiting_.front());
    waiting_.pop_front();
    --waiting_count_;
    const std::shared_ptr<ClientConnection> keep = *connection->position;
    connection->Begin(std::move(pending));
    if (connection->idle()) idle_.push_back(connection);
  }
  if (waiting_.empty()) earliest_deadline_us_ = kNever;
  ArmTick();
}

ClientConnection* ClientLoop::TakeIdle() {
  while (!idle_.empty()) {
    ClientConnection* const connection = idle_.back();
    if (!connection->IsStale()) {
      idle_.pop_back();
      return connection;
    }
    ++stale_discarded;
    connection->Abandon(Reason::kClosed, "");  // leaves idle_ through Forget()
  }
  return nullptr;
}

void ClientLoop::ConnectMore() {
  if (BootMicros() < connect_not_before_us_) return;
  while (connecting_ < limits_.max_connecting &&
         static_cast<int>(connections_.size()) < limits_.max_connections &&
         static_cast<std::size_t>(connecting_) < waiting_.size()) {
    ++connecting_;
    connections_.push_front(std::make_shared<ClientConnection>(this, destination_));
    const std::shared_ptr<ClientConnection> connection = connections_.front();
    connection->position = connections_.begin();
    connection->Connect();
  }
}

void ClientLoop::OnConnected(ClientConnection* connection) {
  --connecting_;
  ++connections_opened;
  connect_not_before_us_ = 0;
  idle_.push_back(connection);
  Dispatch();
}

void ClientLoop::OnConnectFailed(const std::string& detail) {
  ++connect_failures;
  if (connections_.empty()) {
    // Nothing is open and nothing under way: whoever waits here learns it now instead of at his
    // deadline, for certainly nothing of his was sent.
    FailWaiting(Reason::kConnect, detail);
  } else {
    connect_not_before_us_ = BootMicros() + kConnectPauseMicros;
  }
  ArmTick();
}

void ClientLoop::OnIdle(ClientConnection* connection) {
  if (stopping_) {
    connection->Abandon(Reason::kStopped, "");
    return;
  }
  idle_.push_back(connection);
  Dispatch();
}

void ClientLoop::Forget(ClientConnection* connection, bool was_connecting) {
  idle_.erase(std::remove(idle_.begin(), idle_.end(), connection), idle_.end());
  if (was_connecting) --connecting_;
  // The caller is one of its methods: let it return before its memory may go.
  asio::post(io_, [this, keep = *connection->position] {
    if (!stopping_) Dispatch();
  });
  connections_.erase(connection->position);
  if (stopping_ && connections_.empty()) tick_.cancel();
}

void ClientLoop::FailWaiting(Reason reason, absl::string_view detail) {
  std::deque<Pending> waiting;
  waiting.swap(waiting_);
  earliest_deadline_us_ = kNever;
  waiting_count_ -= waiting.size();
  for (Pending& pending : waiting) CompleteNotSent(&pending, reason, detail);
}

void ClientLoop::FailExpired(std::int64_t now_us) {
  std::deque<Pending> expired;
  std::deque<Pending> alive;
  earliest_deadline_us_ = kNever;
  for (Pending& pending : waiting_) {
    if (pending.deadline_us <= now_us) {
      expired.push_back(std::move(pending));
    } else {
      earliest_deadline_us_ = std::min(earliest_deadline_us_, pending.deadline_us);
      alive.push_back(std::move(pending));
    }
  }
  waiting_.swap(alive);
  waiting_count_ -= expired.size();
  for (Pending& pending : expired) {
    CompleteNotSent(&pending, Reason::kDeadline,
                    "the deadline passed before a connection was free");
  }
}

// Fast while a deadline could pass, slow while there are only idle connections to close, and not
// at all without any.
void ClientLoop::ArmTick() {
  const bool any = !connections_.empty() || !waiting_.empty();
  if (!any) return;
  const bool fast =
      stopping_ || !waiting_.empty() || connecting_ > 0 || idle_.size() < connections_.size();
  if (tick_armed_ && (tick_is_fast_ || !fast)) return;
  tick_armed_ = true;
  tick_is_fast_ = fast;
  const absl::Duration slow =
      std::clamp(limits_.idle_timeout / 4, absl::Milliseconds(10), absl::Milliseconds(500));
  const absl::Duration period = fast ? absl::Milliseconds(10) : slow;
  tick_.expires_after(std::chrono::microseconds(absl::ToInt64Microseconds(period)));
  tick_.async_wait([this](const ErrorCode& cancelled) {
    if (cancelled) return;
    tick_armed_ = false;
    OnTick();
  });
}

void ClientLoop::OnTick() {
  const std::int64_t now_us = BootMicros();
  const bool force = stopping_ && now_us >= stop_at_us_;
  for (auto it = connections_.begin(); it != connections_.end();) {
    const std::shared_ptr<ClientConnection> connection = *it++;
    if (force) {
      connection->Abandon(Reason::kStopped, "the client was stopped before the response came");
    } else {
      connection->OnTick(now_us);
    }
  }
  if (now_us >= earliest_deadline_us_) FailExpired(now_us);
  if (!stopping_) {
    Dispatch();
  } else {
    ArmTick();
  }
}

}  // namespace kabar::http
