#include "libs/http/server_connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <limits>

namespace kabar::http {
namespace {

constexpr std::int64_t kLingerMicros = 2000000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t After(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return kNever;
  return BootMicros() + absl::ToInt64Microseconds(timeout);
}

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerLoop> loop, Socket socket)
    : loop_(std::move(loop)),
      socket_(std::move(socket)),
      input_(loop_->options().max_header_bytes + 8192) {}

void ServerConnection::Start() {
  ErrorCode ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  AwaitNextRequest();
  Advance();
}

void ServerConnection::AwaitNextRequest() {
  phase_ = Phase::kReading;
  in_request_ = false;
  continue_sent_ = false;
  parser_.emplace(loop_->options().max_header_bytes, loop_->options().max_body_bytes);
  deadline_us_ = After(loop_->options().idle_timeout);
}

// Parses and hands out requests until bytes or an answer are missing. Answers given inside the
// handler come back to this loop instead of recursing, or a pipelining client could overflow the
// stack.
void ServerConnection::Advance() {
  if (advancing_) return;
  advancing_ = true;
  const std::shared_ptr<ServerConnection> self = shared_from_this();
  while (phase_ == Phase::kReading && ParseOne()) {
  }
  advancing_ = false;
  if (phase_ == Phase::kReading) StartRead();
}

bool ServerConnection::ParseOne() {
  if (loop_->stopping() && !in_request_ && input_.empty()) {
    Close();
    return false;
  }
  if (input_.empty()) return false;
  if (!in_request_) {
    in_request_ = true;
    deadline_us_ = After(loop_->options().request_timeout);
  }
  if (const ErrorCode error = parser_->Feed(&input_)) {
    Refuse(error);
    return false;
  }
  if (!parser_->is_done()) {
    if (parser_->is_header_done() && parser_->expects_continue && !continue_sent_) {
      continue_sent_ = true;
      ErrorCode ignored;  // a client that cannot take 25 bytes will be found out by its timeout
      socket_.write_some(asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), ignored);
    }
    return false;
  }
  keep_alive_ = parser_->keep_alive() && parser_->version == 11;
  phase_ = Phase::kHandling;
  deadline_us_ = kNever;
  ++request_number_;
  loop_->handler()(Request{.method = std::move(parser_->method),
                           .target = std::move(parser_->target),
                           .headers = std::move(parser_->headers),
                           .body = std::move(parser_->body)},
                   Responder(shared_from_this(), request_number_));
  return true;
}

void ServerConnection::Refuse(const ErrorCode& error) {
  int status = 400;
  if (error == beast::http::error::body_limit) status = 413;
  if (error == beast::http::error::header_limit) status = 431;
  Respond(TextResponse(status, ReasonPhrase(status)), /*keep_alive=*/false);
}

void ServerConnection::StartRead() {
  const asio::mutable_buffer space = input_.Space();
  if (space.size() == 0) {  // e.g. a chunk extension without end
    Refuse(beast::http::error::header_limit);
    return;
  }
  socket_.async_read_some(space,
                          [self = shared_from_this()](const ErrorCode& error, std::size_t n) {
                            self->OnRead(error, n);
                          });
}

void ServerConnection::OnRead(const ErrorCode& error, std::size_t n) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    Close();
    return;
  }
  if (phase_ == Phase::kLingering) {
    StartRead();
    return;
  }
  input_.Commit(n);
  Advance();
}

void ServerConnection::Deliver(std::uint64_t request_number, AnswerKind kind, Response response) {
  if (phase_ != Phase::kHandling || request_number != request_number_) return;
  if (kind != AnswerKind::kRespond) {
    Close(kind == AnswerKind::kReset);
    return;
  }
  body_ = std::move(response.body);
  response.body.clear();
  Respond(response, keep_alive_ && !loop_->stopping());
}

// Writes head and body; for answers of our own the body is still in `response`.
void ServerConnection::Respond(const Response& response, bool keep_alive) {
  keep_alive_ = keep_alive;
  if (!response.body.empty()) body_ = response.body;
  head_.clear();
  AppendResponseHead(response, body_.size(), keep_alive, &head_);
  phase_ = Phase::kWriting;
  std::array<asio::const_buffer, 2> parts = {asio::buffer(head_), asio::buffer(body_)};
  ErrorCode error;
  const std::size_t written = socket_.write_some(parts, error);
  if (error && error != asio::error::would_block) {
    Close();
    return;
  }
  if (written == head_.size() + body_.size()) {
    OnWritten();
    return;
  }
  deadline_us_ = After(loop_->options().write_timeout);
  const std::size_t of_head = std::min(written, head_.size());
  parts[0] += of_head;
  parts[1] += written - of_head;
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                      if (self->phase_ != Phase::kWriting) return;
                      if (failed) {
                        self->Close();
                      } else {
                        self->OnWritten();
                      }
                    });
}

void ServerConnection::OnWritten() {
  body_.clear();
  if (!keep_alive_) {
    BeginLinger();
    return;
  }
  AwaitNextRequest();
  Advance();
}

// Closing at once while the client still sends would reset the connection, and the reset could
// overtake the answer.
void ServerConnection::BeginLinger() {
  phase_ = Phase::kLingering;
  deadline_us_ = BootMicros() + kLingerMicros;
  ErrorCode error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) {
    Close();
    return;
  }
  input_ = InputBuffer(16 * 1024);
  StartRead();
}

void ServerConnection::Close(bool reset) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  ErrorCode ignored;
  if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  loop_->Forget(this);
}

void ServerConnection::OnTick(std::int64_t now_us) {
  if (now_us < deadline_us_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kReading && in_request_) {
    Respond(TextResponse(408, ReasonPhrase(408)), /*keep_alive=*/false);
  } else {
    Close();
  }
}

void ServerConnection::BeginStop() {
  if (phase_ == Phase::kReading && !in_request_) Close();
}

void ServerConnection::ForceClose() {
  if (phase_ == Phase::kHandling || phase_ == Phase::kWriting ||
      (phase_ == Phase::kReading && in_request_)) {
    loop_->CountCut();
  }
  Close();
}

}  // namespace kabar::http
