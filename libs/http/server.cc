#include "libs/http/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/server_connection.h"

namespace kabar::http {

Responder::Responder(std::shared_ptr<ServerConnection> connection, std::uint64_t request_number)
    : connection_(std::move(connection)), request_number_(request_number) {}

Responder::Responder(Responder&& other) noexcept
    : connection_(std::move(other.connection_)), request_number_(other.request_number_) {
  other.connection_ = nullptr;
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    if (connection_ != nullptr) Send(TextResponse(500, ReasonPhrase(500)));
    connection_ = std::exchange(other.connection_, nullptr);
    request_number_ = other.request_number_;
  }
  return *this;
}

Responder::~Responder() {
  if (connection_ != nullptr) Send(TextResponse(500, ReasonPhrase(500)));
}

void Responder::Send(Response response) {
  if (connection_ == nullptr) return;
  ServerLoop* const loop = connection_->loop();
  loop->Complete(std::exchange(connection_, nullptr), request_number_, AnswerKind::kRespond,
                 std::move(response));
}

void Responder::Abort(bool reset) {
  if (connection_ == nullptr) return;
  ServerLoop* const loop = connection_->loop();
  loop->Complete(std::exchange(connection_, nullptr), request_number_,
                 reset ? AnswerKind::kReset : AnswerKind::kClose, Response{});
}

class Server::Impl {
 public:
  Impl(ServerOptions options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}

  absl::Status Start() {
    if (options_.threads < 1 || options_.threads > 64 || options_.max_connections < 1) {
      return absl::InvalidArgumentError(
          "http server: threads must be 1..64 and max_connections at least 1");
    }
    for (int i = 0; i < options_.threads; ++i) {
      loops_.push_back(std::make_shared<ServerLoop>(options_, &handler_, [this] { OnClosed(); }));
    }
    if (absl::Status status = Bind(); !status.ok()) return status;
    Accept();
    for (const auto& loop : loops_) loop->StartThread();
    started_ = true;
    return absl::OkStatus();
  }

  std::uint16_t port() const { return port_; }

  absl::Status Stop(absl::Time deadline) {
    const std::lock_guard<std::mutex> lock(stop_mutex_);
    if (!started_) return absl::OkStatus();
    started_ = false;
    asio::post(loops_.front()->io(), [this] {
      ErrorCode ignored;
      acceptor_->close(ignored);
      retry_->cancel();
    });
    for (const auto& loop : loops_) loop->BeginStop(deadline);
    std::int64_t cut = 0;
    for (const auto& loop : loops_) {
      loop->Join();
      cut += loop->requests_cut();
    }
    if (cut == 0) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrCat("http server on port ", port_, " stopped with ", cut,
                     " request(s) unanswered; allow a longer drain"));
  }

 private:
  absl::Status Bind() {
    ErrorCode error;
    const auto address = asio::ip::make_address(options_.address, error);
    const Tcp::endpoint endpoint(address, options_.port);
    acceptor_.emplace(loops_.front()->io());
    retry_.emplace(loops_.front()->io());
    if (!error) acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(Acceptor::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(Acceptor::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("http server cannot listen on ", options_.address,
                                                 ":", options_.port, ": ", error.message(),
                                                 "; choose another address or port"));
    }
    port_ = acceptor_->local_endpoint().port();
    return absl::OkStatus();
  }

  // On the first loop's thread, except for the first call.
  void Accept() {
    ServerLoop* const loop = loops_[next_loop_++ % loops_.size()].get();
    acceptor_->async_accept(loop->io(), [this, loop](const ErrorCode& error, Socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_->is_open()) return;
      if (!error) {
        ++open_;
        asio::post(loop->io(), [loop, accepted = std::move(socket)]() mutable {
          loop->Adopt(std::move(accepted));
        });
      }
      if (error) {
        // Out of descriptors, most likely: a pause instead of a spin.
        retry_->expires_after(std::chrono::milliseconds(50));
        retry_->async_wait([this](const ErrorCode& cancelled) {
          if (!cancelled && acceptor_->is_open()) Accept();
        });
      } else if (open_ >= options_.max_connections) {
        accept_waits_ = true;
        if (open_ < options_.max_connections && accept_waits_.exchange(false)) Accept();
      } else {
        Accept();
      }
    });
  }

  // On any loop's thread.
  void OnClosed() {
    --open_;
    if (accept_waits_ && accept_waits_.exchange(false)) {
      asio::post(loops_.front()->io(), [this] {
        if (acceptor_->is_open()) Accept();
      });
    }
  }

  using Acceptor = asio::basic_socket_acceptor<Tcp, asio::io_context::executor_type>;
  const ServerOptions options_;
  const Handler handler_;
  std::vector<std::shared_ptr<ServerLoop>> loops_;
  std::optional<Acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_;
  std::uint16_t port_ = 0;
  std::size_t next_loop_ = 0;
  std::atomic<int> open_{0};
  std::atomic<bool> accept_waits_{false};
  std::mutex stop_mutex_;
  bool started_ = false;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options, Handler handler) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  if (absl::Status status = impl->Start(); !status.ok()) return status;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(absl::InfinitePast()).IgnoreError(); }
std::uint16_t Server::port() const { return impl_->port(); }
absl::Status Server::Stop(absl::Time deadline) { return impl_->Stop(deadline); }

}  // namespace kabar::http
