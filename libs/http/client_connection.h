// Private to libs/http: one connection of the client, and the loop (one io thread) that owns a
// share of the connections and the requests waiting for one. Includes Boost.
//
// Thread safety: everything runs on the loop's thread, except ClientLoop::Post(), BeginStop() and
// the counters. Nothing blocks.
// Errors: every Pending ends in its completion, exactly once.
#ifndef KABAR_LIBS_HTTP_CLIENT_CONNECTION_H_
#define KABAR_LIBS_HTTP_CLIENT_CONNECTION_H_

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/http/client.h"
#include "libs/http/wire.h"

namespace kabar::http {

class ClientLoop;

struct Pending {
  ClientRequest request;
  BeforeWrite gate;
  OnComplete done;
  std::int64_t deadline_us = std::numeric_limits<std::int64_t>::max();
};

// Ends a request that certainly was not sent.
void CompleteNotSent(Pending* pending, Reason reason, absl::string_view detail);

// Where all connections of a client go.
struct Destination {
  Url url;
  std::string prefix = {};      // the base URL's path without a slash at its end
  std::string host_field = {};  // value of the Host field
  std::unique_ptr<asio::ssl::context> tls;
};

struct LoopLimits {
  int max_connections = 0;
  int max_connecting = 0;
  std::size_t max_waiting = 0;
  absl::Duration connect_timeout = {};
  absl::Duration idle_timeout = {};
  std::size_t max_response_bytes = 0;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(ClientLoop* loop, const Destination* destination);

  void Connect();
  // The other side has closed it or sent something nobody asked for: no request may go out on it.
  bool IsStale();
  // Asks the gate and writes. Afterwards the connection is idle (the gate refused), busy or closed.
  void Begin(Pending pending);
  void OnTick(std::int64_t now_us);
  // Ends what it is doing and closes.
  void Abandon(Reason reason, absl::string_view detail);

  bool idle() const { return phase_ == Phase::kIdle; }
  bool busy() const { return phase_ == Phase::kBusy; }

  std::list<std::shared_ptr<ClientConnection>>::iterator position;

 private:
  enum class Phase { kConnecting, kIdle, kBusy, kClosed };
  using Resolver = asio::ip::basic_resolver<Tcp, asio::io_context::executor_type>;

  void ConnectTo(const std::vector<Tcp::endpoint>& endpoints);
  void Handshake();
  void OnReady();
  void ConnectFailed(absl::string_view what, const ErrorCode& error);

  void WritePlain();
  void WriteTls();
  void OnWritten(const ErrorCode& error);

  void WaitReadable();
  void OnReadable(const ErrorCode& error);
  void ReadTls();
  void OnBytes(const ErrorCode& error, std::size_t n);
  void OnEnd(const ErrorCode& error);
  void NewParser();
  void FinishResponse();
  void Fail(Outcome outcome, Reason reason, absl::string_view detail);
  void Complete(Completion completion);
  void Close();

  ClientLoop* const loop_;
  const Destination* const destination_;
  Socket socket_;
  std::optional<asio::ssl::stream<Socket&>> tls_;
  std::optional<Resolver> resolver_;
  Phase phase_ = Phase::kConnecting;
  bool waiting_readable_ = false;
  bool writing_ = false;
  std::int64_t deadline_us_ = 0;
  InputBuffer input_;
  std::optional<MessageParser<false>> parser_;
  std::optional<Pending> pending_;
  absl::Time written_at_ = absl::InfinitePast();
  std::string head_;
};

class ClientLoop {
 public:
  ClientLoop(const LoopLimits& limits, const Destination* destination);

  void StartThread();
  void Join();

  // Any thread.
  void Post(Pending pending);
  void BeginStop(absl::Time deadline);

  // The loop's thread only, called by its connections.
  void OnConnected(ClientConnection* connection);
  void OnConnectFailed(const std::string& detail);
  void OnIdle(ClientConnection* connection);
  void Forget(ClientConnection* connection, bool was_connecting);
  asio::io_context& io() { return io_; }
  const LoopLimits& limits() const { return limits_; }

  std::atomic<std::int64_t> connections_opened{0}, connect_failures{0}, stale_discarded{0},
      requests_written{0};

 private:
  void TakeIncoming();
  void Dispatch();
  ClientConnection* TakeIdle();
  void ConnectMore();
  void FailWaiting(Reason reason, absl::string_view detail);
  void FailExpired(std::int64_t now_us);
  void ArmTick();
  void OnTick();

  const LoopLimits limits_;
  const Destination* const destination_;
  asio::io_context io_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  asio::steady_timer tick_;
  bool tick_armed_ = false, tick_is_fast_ = false;
  std::thread thread_;
  std::list<std::shared_ptr<ClientConnection>> connections_;
  std::vector<ClientConnection*> idle_;  // the one used last at the back: few stay warm
  std::deque<Pending> waiting_;
  std::int64_t earliest_deadline_us_ = std::numeric_limits<std::int64_t>::max();  // of waiting_
  std::int64_t connect_not_before_us_ = 0;
  int connecting_ = 0;
  bool stopping_ = false;
  std::int64_t stop_at_us_ = 0;

  std::atomic<std::size_t> waiting_count_{0};
  std::mutex mutex_;
  bool accepting_ = true;          // under mutex_
  std::vector<Pending> incoming_;  // under mutex_
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_CLIENT_CONNECTION_H_
