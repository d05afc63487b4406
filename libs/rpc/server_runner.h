// A gRPC server from start to the last answer. A service's main reads:
//
//   rpc::BlockShutdownSignals();                   // before the first thread
//   ... parse the configuration, build the parts ...
//   rpc::ServerRunner runner({.address = config.listen}, guard);
//   runner.Register(&handler);
//   runner.OnStop("sweeper", [&] { sweeper.Stop(); });
//   if (absl::Status s = runner.Start(); !s.ok()) return Fail(s);
//   runner.WaitForSignal();
//   runner.Drain();
//
// Serves health (grpc.health.v1, no key: a probe has none) and reflection (no key either: it shows
// only the contracts, which are no secret) beside the registered services.
//
// Drain, in order: health NOT_SERVING, a pause in which balancers notice (a second signal ends it),
// the OnStop callbacks in order of registration, streams asked to end, Shutdown with a deadline
// after which calls still open are cut and logged.
//
// Thread safety: Register, OnStop, Start, Drain from one thread; SetServing, RequestShutdown, port
// from any. Blocks: WaitForSignal until SIGTERM or SIGINT; Drain up to pause + callbacks +
// shutdown_grace. Errors: Start: UNAVAILABLE when the address cannot be bound.
#ifndef KABAR_LIBS_RPC_SERVER_RUNNER_H_
#define KABAR_LIBS_RPC_SERVER_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace grpc {
class Service;
}

namespace kabar::rpc {

class Guard;

// SIGTERM and SIGINT wait for WaitForShutdownSignal in every thread started from now on.
void BlockShutdownSignals();
// Blocks until one of them comes; its number. Call BlockShutdownSignals first.
int WaitForShutdownSignal();
// The same for at most `timeout`; true if one came.
bool WaitForShutdownSignal(absl::Duration timeout);
// As if SIGTERM had come (a loop that cannot go on).
void RequestShutdown();

class ServerRunner {
 public:
  struct Options {
    std::string address = {};  // "127.0.0.1:7001", port 0: any free one; or "unix:/path"
    int max_threads = 512;     // bound of the thread pool; well above the Guard's places
    absl::Duration drain_pause = absl::Seconds(1);
    absl::Duration shutdown_grace = absl::Seconds(10);
    absl::Duration max_connection_age = absl::Minutes(5);  // so that clients find new pods
    bool reflection = true;
  };

  ServerRunner(Options options, Guard& guard);
  ~ServerRunner();  // drains without pause if still running
  ServerRunner(const ServerRunner&) = delete;
  ServerRunner& operator=(const ServerRunner&) = delete;

  void Register(grpc::Service* service);
  void OnStop(absl::string_view name, std::function<void()> stop);

  absl::Status Start();
  int port() const;             // after Start; 0 for unix sockets
  std::string address() const;  // to connect to, with the real port

  // The health answer, e.g. false while the store is away. Serving from Start on.
  void SetServing(bool serving);

  void WaitForSignal();
  void Drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_SERVER_RUNNER_H_
