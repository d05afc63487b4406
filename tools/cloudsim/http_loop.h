// A lean HTTP/1.1 server on Linux epoll: one thread, kept-alive connections, reused buffers.
//
// Written for the simulator, whose budget is 15 us of CPU a request and whose faults (never answer,
// close instead of answering, reset) no server library offers. Requests of one connection are
// answered in order; while one is unanswered the next waits. A request's arrival time is the
// kernel's receive timestamp, so that a busy simulator does not distort the record it is judged by.
//
// Threads: Run() owns everything; only Stop(), Post() and port() may be called from elsewhere.
// Blocks: Run() until Stop(). Errors: Listen() says what could not be bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/http_parser.h"

namespace kabar::cloudsim {

// Names a connection for as long as it lives; afterwards everything done with it is a no-op.
struct ConnectionRef {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

struct RequestInfo {
  ConnectionRef connection;
  uint64_t connection_id = 0;
  uint32_t request_on_connection = 0;  // 1 for the first, so > 1 means reused
  int64_t arrival_us = 0;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Exactly one of HttpLoop's Send, SendAt, Hang, Close or Reset must follow, at once or later.
  // The request's views are valid during the call only.
  virtual void OnRequest(const RequestInfo& info, const HttpRequest& request) = 0;
  // False: the new connection is reset at once.
  virtual bool OnConnect(uint64_t connection_id) = 0;
  // The answer given to SendAt() went out (or the caller had gone).
  virtual void OnSentLate(uint64_t token, bool sent) = 0;
};

class HttpLoop {
 public:
  explicit HttpLoop(HttpHandler* handler);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  // Loopback only: `port` 0 takes a free one.
  absl::Status Listen(uint16_t port);
  uint16_t port() const { return port_; }

  void Run();
  void Stop();
  void Post(std::function<void()> task);

  // The whole response, head and body. False when the caller has gone already.
  bool Send(ConnectionRef connection, absl::string_view response, bool close = false);
  // The same at a moment; OnSentLate(token) tells how it went.
  void SendAt(ConnectionRef connection, int64_t due_us, std::string response, uint64_t token);
  // Never answers; the connection stays until the caller closes it.
  void Hang(ConnectionRef connection);
  void Close(ConnectionRef connection);  // FIN without an answer
  void Reset(ConnectionRef connection);  // RST without an answer

  // Runs `task` on the loop's thread at a moment.
  void CallAt(int64_t due_us, std::function<void()> task);

  size_t late_responses() const { return late_responses_; }

 private:
  struct Connection;
  struct Timer {
    int64_t due_us = 0;
    uint64_t order = 0;  // equal moments keep their order
    ConnectionRef connection;
    uint64_t token = 0;
    std::string response;
    std::function<void()> task;
    bool operator<(const Timer& other) const {
      return due_us != other.due_us ? due_us > other.due_us : order > other.order;
    }
  };

  void Accept();
  void OnReady(Connection* connection, uint32_t events);
  bool Read(Connection* connection);     // false: the connection has been destroyed
  bool Process(Connection* connection);  // the same
  bool Flush(Connection* connection);    // the same
  void BadRequest(Connection* connection);
  void FireTimers();
  void ArmTimer();
  void AddTimer(Timer timer);
  void RunPosted();
  Connection* Find(ConnectionRef ref);
  void Destroy(Connection* connection, bool reset);

  HttpHandler* const handler_;
  int epoll_ = -1;
  int listener_ = -1;
  int wake_ = -1;
  int timer_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<std::unique_ptr<Connection>> dead_;  // freed once no event of the batch names them
  uint64_t connections_seen_ = 0;
  std::priority_queue<Timer> timers_;
  uint64_t timer_order_ = 0;
  int64_t armed_us_ = 0;
  size_t late_responses_ = 0;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace kabar::cloudsim
