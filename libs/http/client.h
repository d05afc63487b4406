// An asynchronous HTTP/1.1 client for one base URL that never replays a request: many requests in
// flight over a bounded set of kept-alive connections, one request in flight on each.
//
// Every request ends in exactly one Completion, whose outcome says what may have happened at the
// other side: kNotSent (certainly not one byte was written), kResponse (a complete response) or
// kAmbiguous (bytes were written and no complete response came: nobody knows).
//
// Thread safety: Post(), Stop() and stats() from any thread (Stop() not from a callback). The gate
// and the completion run on the client's io thread and must not block; a completion may call
// Post(). Blocks: Stop() and the destructor until everything in flight is completed.
// Errors: Create() INVALID_ARGUMENT (URL, options, unreadable CA file). Everything else arrives in
// the Completion.
#ifndef KABAR_LIBS_HTTP_CLIENT_H_
#define KABAR_LIBS_HTTP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/http/message.h"

namespace kabar::http {

struct ClientRequest {
  std::string method = "POST";
  std::string target = {};  // appended to the base URL's path: "/v23.0/123/messages"
  Headers headers = {};     // Host, Content-Length and Connection are written by the client
  std::string body = {};
  absl::Time deadline = absl::InfiniteFuture();  // for everything, waiting included
};

enum class Outcome {
  kNotSent,    // connecting failed, the gate refused, or the deadline passed: no byte was written
  kResponse,   // a complete response, whatever its status
  kAmbiguous,  // after the first byte may have been written: reset, EOF, timeout, no HTTP
};
absl::string_view OutcomeName(Outcome outcome);

// Why there is no response.
enum class Reason {
  kNone,            // kResponse
  kGateRefused,     // kNotSent: the gate returned false
  kDeadline,        // kNotSent or kAmbiguous
  kConnect,         // kNotSent: resolving, connecting or the TLS handshake failed
  kClosed,          // kNotSent: the system refused the first write; kAmbiguous: EOF or reset
  kStopped,         // kNotSent or kAmbiguous: Stop()
  kBadResponse,     // kAmbiguous: not HTTP, or over max_response_bytes
  kTooManyWaiting,  // kNotSent: max_waiting reached
  kBadRequest,      // kNotSent: a line break in the method, the target or a header
};
absl::string_view ReasonName(Reason reason);

struct Completion {
  Outcome outcome = Outcome::kNotSent;
  Reason reason = Reason::kNone;
  std::string detail = {};  // for people: what failed, with the system's own words
  Response response = {};   // kResponse only
  absl::Time written_at = absl::InfinitePast();  // just before the first byte was handed over
  absl::Time completed_at = absl::InfinitePast();
};

// Called immediately before the request's bytes are handed to the socket, at most once a request.
// false: the request is completed as kNotSent/kGateRefused and nothing is written.
using BeforeWrite = absl::AnyInvocable<bool()>;
using OnComplete = absl::AnyInvocable<void(Completion)>;

struct ClientOptions {
  std::string base_url = {};  // http://host:port[/prefix] or https://... (certificate is verified)
  int threads = 1;            // connections are divided among them
  int max_connections = 64;
  int max_connecting = 8;            // connections being established at the same time
  std::size_t max_waiting = 100000;  // requests without a connection yet
  absl::Duration connect_timeout = absl::Seconds(5);  // resolving, connecting, TLS handshake
  absl::Duration idle_timeout = absl::Seconds(30);    // then we close it
  std::size_t max_response_bytes = 1024 * 1024;
  std::string ca_file = {};  // PEM; empty: the system's certificates
};

struct ClientStats {
  std::int64_t connections_opened = 0;
  std::int64_t connect_failures = 0;
  std::int64_t stale_discarded = 0;  // idle connections found closed before writing
  std::int64_t requests_written = 0;
};

class Client {
 public:
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);
  ~Client();  // Stop(now)
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Never blocks, never fails by itself: everything arrives in `done`. An empty gate allows.
  void Post(ClientRequest request, BeforeWrite gate, OnComplete done);

  // Completes what waits as kNotSent, gives what is in flight until `deadline`, then completes it
  // as kAmbiguous. Later Post() calls complete as kNotSent on the calling thread. Idempotent.
  void Stop(absl::Time deadline);

  ClientStats stats() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_CLIENT_H_
