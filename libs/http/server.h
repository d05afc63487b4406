// An asynchronous HTTP/1.1 server: keep-alive, pipelined requests answered in order, limits on
// sizes and on slow clients. No thread is held while a request waits for its answer.
//
// Thread safety: a Responder may be completed from any thread; Stop() and port() may be called
// from any thread but the server's own. The handler runs on a server thread and must not block:
// with one thread it holds up every other connection.
// Blocks: Start() until the port is bound, Stop() until drained or its deadline.
// Errors: Start() UNAVAILABLE (address in use or not ours) or INVALID_ARGUMENT (options); Stop()
// DEADLINE_EXCEEDED with the number of requests cut off. Clients get 400 (malformed), 413 (body
// over the limit), 431 (header over the limit), 408 (request not complete in time), 500 (a
// Responder destroyed unanswered).
#ifndef KABAR_LIBS_HTTP_SERVER_H_
#define KABAR_LIBS_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/http/message.h"

namespace kabar::http {

class ServerConnection;  // private to server.cc
class ServerLoop;        // private to server.cc

// The right, and the duty, to answer one request once. Move-only; destroyed without Send() or
// Abort() it answers 500. Safe to complete or destroy after the server stopped (nothing happens).
class Responder {
 public:
  Responder() = default;
  Responder(std::shared_ptr<ServerConnection> connection, std::uint64_t request_number);
  Responder(Responder&& other) noexcept;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // From any thread. A second call does nothing.
  void Send(Response response);
  // Closes the connection without an answer, with a TCP reset when `reset` (for the simulator's
  // accept-then-close; a server in earnest has no use for it).
  void Abort(bool reset = false);

  bool pending() const { return connection_ != nullptr; }

 private:
  std::shared_ptr<ServerConnection> connection_;
  std::uint64_t request_number_ = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the system chooses, port() tells
  int threads = 1;         // connections are spread over them and stay where they are
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 4 * 1024 * 1024;
  int max_connections = 4096;  // beyond it no connection is accepted until one closes
  absl::Duration idle_timeout = absl::Seconds(75);     // between two requests
  absl::Duration request_timeout = absl::Seconds(15);  // from a request's first byte to its last
  absl::Duration write_timeout = absl::Seconds(15);    // for a client to take its answer
};

class Server {
 public:
  using Handler = std::function<void(Request&& request, Responder responder)>;

  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options, Handler handler);
  ~Server();  // Stop(now) when it was not called
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;

  // Stops accepting, closes idle connections, lets requests in flight be answered (with
  // Connection: close) until `deadline`, then closes what is left. Idempotent.
  absl::Status Stop(absl::Time deadline);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_SERVER_H_
