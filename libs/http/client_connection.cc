#include "libs/http/client_connection.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace kabar::http {
namespace {

constexpr std::size_t kMaxResponseHeader = 16 * 1024;

}  // namespace

void CompleteNotSent(Pending* pending, Reason reason, absl::string_view detail) {
  pending->done(Completion{.outcome = Outcome::kNotSent,
                           .reason = reason,
                           .detail = std::string(detail),
                           .completed_at = absl::Now()});
}

ClientConnection::ClientConnection(ClientLoop* loop, const Destination* destination)
    : loop_(loop),
      destination_(destination),
      socket_(loop->io()),
      input_(kMaxResponseHeader + 8192) {}

// ---- Establishing --------------------------------------------------------------------------

void ClientConnection::Connect() {
  deadline_us_ = BootMicros() + absl::ToInt64Microseconds(loop_->limits().connect_timeout);
  ErrorCode error;
  const auto address = asio::ip::make_address(destination_->url.host, error);
  if (!error) {
    ConnectTo({Tcp::endpoint(address, destination_->url.port)});
    return;
  }
  resolver_.emplace(loop_->io());
  resolver_->async_resolve(
      destination_->url.host, absl::StrCat(destination_->url.port),
      [self = shared_from_this()](const ErrorCode& failed, const Resolver::results_type& found) {
        if (self->phase_ != Phase::kConnecting) return;
        if (failed) {
          self->ConnectFailed("cannot resolve", failed);
          return;
        }
        std::vector<Tcp::endpoint> endpoints;
        for (const auto& entry : found) endpoints.push_back(entry.endpoint());
        self->ConnectTo(endpoints);
      });
}

void ClientConnection::ConnectTo(const std::vector<Tcp::endpoint>& endpoints) {
  // The sequence must outlive the operation.
  const auto targets = std::make_shared<std::vector<Tcp::endpoint>>(endpoints);
  asio::async_connect(
      socket_, *targets,
      [self = shared_from_this(), targets](const ErrorCode& error, const Tcp::endpoint&) {
        if (self->phase_ != Phase::kConnecting) return;
        if (error) {
          self->ConnectFailed("cannot connect to", error);
          return;
        }
        ErrorCode ignored;
        self->socket_.set_option(Tcp::no_delay(true), ignored);
        self->socket_.non_blocking(true, ignored);
        if (self->destination_->tls != nullptr) {
          self->Handshake();
        } else {
          self->OnReady();
        }
      });
}

void ClientConnection::Handshake() {
  tls_.emplace(socket_, *destination_->tls);
  const std::string& host = destination_->url.host;
  ErrorCode address_error;
  asio::ip::make_address(host, address_error);
  const bool is_name = static_cast<bool>(address_error);
  SSL* const ssl = tls_->native_handle();
  const bool prepared = is_name
                            ? SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
                                  SSL_set1_host(ssl, host.c_str()) == 1
                            : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  if (!prepared) {
    ConnectFailed("cannot set the name to verify for", asio::error::invalid_argument);
    return;
  }
  tls_->async_handshake(asio::ssl::stream_base::client,
                        [self = shared_from_this()](const ErrorCode& error) {
                          if (self->phase_ != Phase::kConnecting) return;
                          if (error) {
                            self->ConnectFailed("TLS handshake failed with", error);
                          } else {
                            self->OnReady();
                          }
                        });
}

void ClientConnection::OnReady() {
  phase_ = Phase::kIdle;
  deadline_us_ = BootMicros() + absl::ToInt64Microseconds(loop_->limits().idle_timeout);
  WaitReadable();
  loop_->OnConnected(this);
}

void ClientConnection::ConnectFailed(absl::string_view what, const ErrorCode& error) {
  const std::string detail = absl::StrCat(what, " ", destination_->url.host, ":",
                                          destination_->url.port, ": ", error.message());
  const std::shared_ptr<ClientConnection> self = shared_from_this();
  Close();
  loop_->OnConnectFailed(detail);
}

// ---- One request ---------------------------------------------------------------------------

bool ClientConnection::IsStale() {
  if (tls_ && (SSL_has_pending(tls_->native_handle()) != 0)) return true;
  char byte = 0;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  // Before its first request a TLS connection may hold session tickets; afterwards nothing may
  // come without a request (a close_notify, or a 408 before the close).
  return n == 0 || !tls_ || written_at_ != absl::InfinitePast();
}

void ClientConnection::Begin(Pending pending) {
  if (pending.gate && !pending.gate()) {
    CompleteNotSent(&pending, Reason::kGateRefused, "the gate refused");
    return;
  }
  const ClientRequest& request = pending.request;
  head_.clear();
  AppendRequestHead(request.method, destination_->prefix, request.target, destination_->host_field,
                    request.headers, request.body.size(), &head_);
  NewParser();
  parser_->skip(request.method == "HEAD");
  deadline_us_ = pending.deadline_us;
  pending_.emplace(std::move(pending));
  phase_ = Phase::kBusy;
  written_at_ = absl::Now();
  if (tls_) {
    WriteTls();
  } else {
    WritePlain();
  }
}

void ClientConnection::WritePlain() {
  std::array<asio::const_buffer, 2> parts = {asio::buffer(head_),
                                             asio::buffer(pending_->request.body)};
  ErrorCode error;
  const std::size_t written = socket_.write_some(parts, error);
  if (error && error != asio::error::would_block) {
    // The system took nothing: that is the one failure after the gate that is no doubt.
    Fail(Outcome::kNotSent, Reason::kClosed,
         absl::StrCat("the connection was closed before writing: ", error.message()));
    return;
  }
  ++loop_->requests_written;
  const std::size_t of_head = std::min(written, head_.size());
  parts[0] += of_head;
  parts[1] += written - of_head;
  if (asio::buffer_size(parts) == 0) return;
  writing_ = true;
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                      self->OnWritten(failed);
                    });
}

void ClientConnection::WriteTls() {
  ++loop_->requests_written;
  writing_ = true;
  head_ += pending_->request.body;  // one record instead of two
  asio::async_write(*tls_, asio::buffer(head_),
                    [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                      self->OnWritten(failed);
                    });
  ReadTls();
}

void ClientConnection::OnWritten(const ErrorCode& error) {
  writing_ = false;
  if (phase_ != Phase::kBusy || !error) return;
  Fail(Outcome::kAmbiguous, Reason::kClosed,
       absl::StrCat("the connection failed while writing: ", error.message()));
}

// Readiness is awaited, not bytes: bytes that come while idle must stay in the socket, where
// IsStale() sees them, or they could pass for the next request's response.
void ClientConnection::WaitReadable() {
  if (waiting_readable_) return;
  waiting_readable_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    self->waiting_readable_ = false;
    self->OnReadable(error);
  });
}

void ClientConnection::OnReadable(const ErrorCode& error) {
  if (phase_ == Phase::kIdle) {
    ++loop_->stale_discarded;
    Close();
    return;
  }
  if (phase_ != Phase::kBusy || tls_) return;  // with TLS ReadTls() is under way
  if (error) {
    OnEnd(error);
    return;
  }
  ErrorCode read_error;
  const std::size_t n = socket_.read_some(input_.Space(), read_error);
  if (read_error == asio::error::would_block) {
    WaitReadable();
  } else {
    OnBytes(read_error, n);
  }
}

void ClientConnection::ReadTls() {
  tls_->async_read_some(input_.Space(),
                        [self = shared_from_this()](const ErrorCode& error, std::size_t n) {
                          if (self->phase_ == Phase::kBusy) self->OnBytes(error, n);
                        });
}

void ClientConnection::OnBytes(const ErrorCode& error, std::size_t n) {
  if (error) {
    OnEnd(error);
    return;
  }
  input_.Commit(n);
  while (!input_.empty()) {
    if (const ErrorCode bad = parser_->Feed(&input_)) {
      Fail(Outcome::kAmbiguous, Reason::kBadResponse,
           absl::StrCat("the response is not to be understood: ", bad.message()));
      return;
    }
    if (!parser_->is_done()) break;
    if (parser_->status >= 200) {
      FinishResponse();
      return;
    }
    NewParser();  // an interim 1xx: the real response follows
  }
  if (input_.Space().size() == 0) {
    Fail(Outcome::kAmbiguous, Reason::kBadResponse, "the response's header is too long");
  } else if (tls_) {
    ReadTls();
  } else {
    WaitReadable();
  }
}

void ClientConnection::OnEnd(const ErrorCode& error) {
  if (error == asio::error::eof && parser_->got_some()) {
    ErrorCode incomplete;
    parser_->put_eof(incomplete);
    if (!incomplete && parser_->is_done()) {
      FinishResponse();
      return;
    }
  }
  Fail(Outcome::kAmbiguous, Reason::kClosed,
       absl::StrCat("the connection ended before a complete response: ", error.message()));
}

void ClientConnection::NewParser() {
  parser_.emplace(kMaxResponseHeader, loop_->limits().max_response_bytes);
}

void ClientConnection::FinishResponse() {
  const std::shared_ptr<ClientConnection> self = shared_from_this();
  const bool reusable = parser_->keep_alive() && !writing_ && input_.empty();
  Completion completion{.outcome = Outcome::kResponse,
                        .response = {.status = parser_->status,
                                     .headers = std::move(parser_->headers),
                                     .body = std::move(parser_->body)}};
  if (reusable) {
    phase_ = Phase::kIdle;
    deadline_us_ = BootMicros() + absl::ToInt64Microseconds(loop_->limits().idle_timeout);
    WaitReadable();
    Complete(std::move(completion));
    loop_->OnIdle(this);
  } else {
    Close();
    Complete(std::move(completion));
  }
}

// ---- Ends ----------------------------------------------------------------------------------

void ClientConnection::OnTick(std::int64_t now_us) {
  if (now_us < deadline_us_) return;
  if (phase_ == Phase::kConnecting) ConnectFailed("cannot connect to", asio::error::timed_out);
  if (phase_ == Phase::kIdle) Close();
  if (phase_ == Phase::kBusy) {
    Fail(Outcome::kAmbiguous, Reason::kDeadline, "no complete response by the deadline");
  }
}

void ClientConnection::Abandon(Reason reason, absl::string_view detail) {
  if (phase_ == Phase::kBusy) {
    Fail(Outcome::kAmbiguous, reason, detail);
  } else {
    Close();
  }
}

void ClientConnection::Fail(Outcome outcome, Reason reason, absl::string_view detail) {
  const std::shared_ptr<ClientConnection> self = shared_from_this();
  if (outcome == Outcome::kNotSent) written_at_ = absl::InfinitePast();
  Close();
  Complete(Completion{.outcome = outcome, .reason = reason, .detail = std::string(detail)});
}

void ClientConnection::Complete(Completion completion) {
  completion.written_at = written_at_;
  completion.completed_at = absl::Now();
  Pending pending = *std::move(pending_);
  pending_.reset();
  pending.done(std::move(completion));
}

void ClientConnection::Close() {
  if (phase_ == Phase::kClosed) return;
  const bool was_connecting = phase_ == Phase::kConnecting;
  phase_ = Phase::kClosed;
  ErrorCode ignored;
  if (resolver_) resolver_->cancel();
  socket_.close(ignored);
  loop_->Forget(this, was_connecting);
}

}  // namespace kabar::http
