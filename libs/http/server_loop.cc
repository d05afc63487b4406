#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "libs/http/server_connection.h"

namespace kabar::http {

ServerLoop::ServerLoop(const ServerOptions& options, const Server::Handler* handler,
                       std::function<void()> on_closed)
    : options_(options), handler_(handler), on_closed_(std::move(on_closed)), tick_(io_) {
  guard_.emplace(io_.get_executor());
}

void ServerLoop::StartThread() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "http-server");
}

void ServerLoop::Join() {
  if (thread_.joinable()) thread_.join();
}

void ServerLoop::Run() {
  thread_id_ = std::this_thread::get_id();
  ArmTick();
  io_.run();
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  answers_.clear();
}

void ServerLoop::Complete(std::shared_ptr<ServerConnection> connection,
                          std::uint64_t request_number, AnswerKind kind, Response response) {
  if (thread_id_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    connection->Deliver(request_number, kind, std::move(response));
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return;
  // A group commit answers hundreds at once: one wake-up for all of them.
  if (answers_.empty()) asio::post(io_, [this] { DeliverAnswers(); });
  answers_.push_back(Answer{.connection = std::move(connection),
                            .request_number = request_number,
                            .kind = kind,
                            .response = std::move(response)});
}

void ServerLoop::DeliverAnswers() {
  std::vector<Answer> answers;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    answers.swap(answers_);
  }
  for (Answer& answer : answers) {
    answer.connection->Deliver(answer.request_number, answer.kind, std::move(answer.response));
  }
}

void ServerLoop::Adopt(Socket socket) {
  connections_.push_front(
      std::make_shared<ServerConnection>(shared_from_this(), std::move(socket)));
  const std::shared_ptr<ServerConnection> connection = connections_.front();
  connection->position = connections_.begin();
  connection->Start();
}

void ServerLoop::Forget(ServerConnection* connection) {
  // The caller is one of its methods: let it return before its memory may go.
  asio::post(io_, [keep = *connection->position] {});
  connections_.erase(connection->position);
  on_closed_();
  if (stopping_ && connections_.empty()) tick_.cancel();
}

void ServerLoop::BeginStop(absl::Time deadline) {
  asio::post(io_, [this, stop_at = ToBootMicros(deadline)] {
    stopping_ = true;
    stop_at_us_ = stop_at;
    guard_.reset();
    for (auto it = connections_.begin(); it != connections_.end();) {
      const std::shared_ptr<ServerConnection> connection = *it++;
      connection->BeginStop();
    }
    tick_.cancel();
    OnTick();
  });
}

void ServerLoop::ArmTick() {
  if (stopping_ && connections_.empty()) return;
  const absl::Duration shortest =
      std::min({options_.idle_timeout, options_.request_timeout, options_.write_timeout});
  const absl::Duration period =
      stopping_ ? absl::Milliseconds(5)
                : std::clamp(shortest / 4, absl::Milliseconds(5), absl::Milliseconds(500));
  tick_.expires_after(std::chrono::microseconds(absl::ToInt64Microseconds(period)));
  tick_.async_wait([this](const ErrorCode& cancelled) {
    if (!cancelled) OnTick();
  });
}

void ServerLoop::OnTick() {
  const std::int64_t now_us = BootMicros();
  const bool force = stopping_ && now_us >= stop_at_us_;
  for (auto it = connections_.begin(); it != connections_.end();) {
    const std::shared_ptr<ServerConnection> connection = *it++;
    if (force) {
      connection->ForceClose();
    } else {
      connection->OnTick(now_us);
    }
  }
  ArmTick();
}

}  // namespace kabar::http
