#include "libs/http/client.h"

#include <openssl/ssl.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "libs/http/client_connection.h"

namespace kabar::http {
namespace {

int Share(int total, int threads) { return (total + threads - 1) / threads; }

absl::Status CheckOptions(const ClientOptions& options) {
  const auto bad = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("http client: ", what));
  };
  if (options.threads < 1 || options.threads > 64) return bad("threads must be 1..64");
  if (options.max_connections < options.threads) {
    return bad("max_connections must be at least one a thread");
  }
  if (options.max_connecting < 1) return bad("max_connecting must be at least 1");
  if (options.max_waiting < 1) return bad("max_waiting must be at least 1");
  if (options.connect_timeout <= absl::ZeroDuration() ||
      options.idle_timeout <= absl::ZeroDuration()) {
    return bad("connect_timeout and idle_timeout must be positive");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeTls(const std::string& ca_file) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  ErrorCode error;
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(asio::ssl::verify_peer, error);
  if (ca_file.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->load_verify_file(ca_file, error);
  }
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "http client: cannot read the CA certificates",
        ca_file.empty() ? " of the system" : absl::StrCat(" in ", ca_file), ": ", error.message()));
  }
  return context;
}

absl::StatusOr<Destination> MakeDestination(const ClientOptions& options) {
  auto url = ParseUrl(options.base_url);
  if (!url.ok()) return url.status();
  Destination destination;
  destination.url = *std::move(url);
  if (destination.url.target.find('?') != std::string::npos) {
    return absl::InvalidArgumentError("http client: the base URL may not have a query");
  }
  destination.prefix = std::string(absl::StripSuffix(destination.url.target, "/"));
  const bool v6 = destination.url.host.find(':') != std::string::npos;
  destination.host_field = v6 ? absl::StrCat("[", destination.url.host, "]") : destination.url.host;
  if (destination.url.port != (destination.url.tls ? 443 : 80)) {
    absl::StrAppend(&destination.host_field, ":", destination.url.port);
  }
  if (destination.url.tls) {
    auto tls = MakeTls(options.ca_file);
    if (!tls.ok()) return tls.status();
    destination.tls = *std::move(tls);
  }
  return destination;
}

bool IsWritable(const ClientRequest& request) {
  if (!IsSafeOnWire(request.method) || !IsSafeOnWire(request.target)) return false;
  if (request.target.find(' ') != std::string::npos) return false;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    if (!IsSafeOnWire(request.headers.name(i)) || !IsSafeOnWire(request.headers.value(i))) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotSent:
      return "NOT_SENT";
    case Outcome::kResponse:
      return "RESPONSE";
    case Outcome::kAmbiguous:
      return "AMBIGUOUS";
  }
  return "?";
}

absl::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "NONE";
    case Reason::kGateRefused:
      return "GATE_REFUSED";
    case Reason::kDeadline:
      return "DEADLINE";
    case Reason::kConnect:
      return "CONNECT";
    case Reason::kClosed:
      return "CLOSED";
    case Reason::kStopped:
      return "STOPPED";
    case Reason::kBadResponse:
      return "BAD_RESPONSE";
    case Reason::kTooManyWaiting:
      return "TOO_MANY_WAITING";
    case Reason::kBadRequest:
      return "BAD_REQUEST";
  }
  return "?";
}

class Client::Impl {
 public:
  Impl(const ClientOptions& options, Destination destination)
      : destination_(std::move(destination)) {
    const LoopLimits limits{
        .max_connections = Share(options.max_connections, options.threads),
        .max_connecting = Share(options.max_connecting, options.threads),
        .max_waiting = options.max_waiting / static_cast<std::size_t>(options.threads) + 1,
        .connect_timeout = options.connect_timeout,
        .idle_timeout = options.idle_timeout,
        .max_response_bytes = options.max_response_bytes};
    for (int i = 0; i < options.threads; ++i) {
      loops_.push_back(std::make_unique<ClientLoop>(limits, &destination_));
    }
    for (const auto& loop : loops_) loop->StartThread();
  }

  void Post(ClientRequest request, BeforeWrite gate, OnComplete done) {
    Pending pending{
        .request = std::move(request), .gate = std::move(gate), .done = std::move(done)};
    if (!IsWritable(pending.request)) {
      CompleteNotSent(&pending, Reason::kBadRequest,
                      "method, target or a header holds a line break or the target a space");
      return;
    }
    pending.deadline_us = ToBootMicros(pending.request.deadline);
    loops_[next_++ % loops_.size()]->Post(std::move(pending));
  }

  void Stop(absl::Time deadline) {
    const std::lock_guard<std::mutex> lock(stop_mutex_);
    for (const auto& loop : loops_) loop->BeginStop(deadline);
    for (const auto& loop : loops_) loop->Join();
  }

  ClientStats stats() const {
    ClientStats sum;
    for (const auto& loop : loops_) {
      sum.connections_opened += loop->connections_opened;
      sum.connect_failures += loop->connect_failures;
      sum.stale_discarded += loop->stale_discarded;
      sum.requests_written += loop->requests_written;
    }
    return sum;
  }

 private:
  const Destination destination_;
  std::vector<std::unique_ptr<ClientLoop>> loops_;
  std::atomic<std::size_t> next_{0};
  std::mutex stop_mutex_;
};

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  auto destination = MakeDestination(options);
  if (!destination.ok()) return destination.status();
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(options, *std::move(destination))));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() { Stop(absl::InfinitePast()); }
void Client::Post(ClientRequest request, BeforeWrite gate, OnComplete done) {
  impl_->Post(std::move(request), std::move(gate), std::move(done));
}
void Client::Stop(absl::Time deadline) { impl_->Stop(deadline); }
ClientStats Client::stats() const { return impl_->stats(); }

}  // namespace kabar::http
