// Private to libs/http: one client's connection to the server, and the loop (one io thread) that a
// share of the connections lives on. Includes Boost.
//
// Thread safety: everything runs on the loop's own thread, except ServerLoop::Complete() and
// BeginStop(), which any thread may call. Nothing blocks.
// Errors: a broken connection closes itself; nobody is told but the counter of requests cut off.
#ifndef KABAR_LIBS_HTTP_SERVER_CONNECTION_H_
#define KABAR_LIBS_HTTP_SERVER_CONNECTION_H_

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "libs/http/server.h"
#include "libs/http/wire.h"

namespace kabar::http {

enum class AnswerKind { kRespond, kClose, kReset };

class ServerLoop : public std::enable_shared_from_this<ServerLoop> {
 public:
  // `on_closed` is called on the loop's thread whenever a connection has gone.
  ServerLoop(const ServerOptions& options, const Server::Handler* handler,
             std::function<void()> on_closed);

  asio::io_context& io() { return io_; }
  void StartThread();
  void Join();

  // Any thread. Delivered on the loop's thread, at once when that is the caller.
  void Complete(std::shared_ptr<ServerConnection> connection, std::uint64_t request_number,
                AnswerKind kind, Response response);
  // Any thread: drain until `deadline`, then close; the thread ends when nothing is left.
  void BeginStop(absl::Time deadline);
  std::int64_t requests_cut() const { return requests_cut_; }

  // The loop's thread only.
  void Adopt(Socket socket);
  void Forget(ServerConnection* connection);
  void CountCut() { ++requests_cut_; }
  bool stopping() const { return stopping_; }
  const ServerOptions& options() const { return options_; }
  const Server::Handler& handler() const { return *handler_; }

 private:
  struct Answer {
    std::shared_ptr<ServerConnection> connection;
    std::uint64_t request_number = 0;
    AnswerKind kind = AnswerKind::kRespond;
    Response response;
  };

  void Run();
  void DeliverAnswers();
  void ArmTick();
  void OnTick();

  const ServerOptions options_;
  const Server::Handler* const handler_;
  const std::function<void()> on_closed_;
  // Hint 1: one thread runs it, so its queue needs no second wake-up.
  asio::io_context io_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  asio::steady_timer tick_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
  std::list<std::shared_ptr<ServerConnection>> connections_;
  bool stopping_ = false;
  std::int64_t stop_at_us_ = 0;
  std::atomic<std::int64_t> requests_cut_{0};

  std::mutex mutex_;
  bool ended_ = false;           // under mutex_: the thread has left its loop
  std::vector<Answer> answers_;  // under mutex_
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(std::shared_ptr<ServerLoop> loop, Socket socket);

  ServerLoop* loop() const { return loop_.get(); }
  void Start();
  // Ignored unless that request is the one waiting for its answer.
  void Deliver(std::uint64_t request_number, AnswerKind kind, Response response);
  void OnTick(std::int64_t now_us);
  void BeginStop();
  void ForceClose();

  std::list<std::shared_ptr<ServerConnection>>::iterator position;

 private:
  enum class Phase {
    kReading,    // between requests, or in the middle of one
    kHandling,   // the handler holds the request
    kWriting,    // the socket would not take the whole answer at once
    kLingering,  // our side is shut down; what the client still sends is thrown away
    kClosed,
  };

  void Advance();
  bool ParseOne();  // true: a request was handed to the handler
  void Refuse(const ErrorCode& error);
  void StartRead();
  void OnRead(const ErrorCode& error, std::size_t n);
  void Respond(const Response& response, bool keep_alive);
  void OnWritten();
  void BeginLinger();
  void Close(bool reset = false);
  void AwaitNextRequest();

  const std::shared_ptr<ServerLoop> loop_;
  Socket socket_;
  InputBuffer input_;
  std::optional<MessageParser<true>> parser_;
  Phase phase_ = Phase::kReading;
  bool advancing_ = false;   // Advance() is on the stack: do not recurse
  bool keep_alive_ = true;   // of the request being handled
  bool in_request_ = false;  // its first byte has come
  bool continue_sent_ = false;
  std::uint64_t request_number_ = 0;
  std::int64_t deadline_us_ = 0;
  std::string head_, body_;  // of the answer being written; the head's memory is reused
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_SERVER_CONNECTION_H_
