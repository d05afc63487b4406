// One kept-alive HTTP/1.1 connection to the webhook's receiver, for an epoll loop.
//
// Never replays by itself: what was in flight when the connection died is the owner's to repeat.
// Not thread-safe, never blocks. Errors: Advance() says kFailed, with the reason in error().
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

class WebhookClient {
 public:
  enum class Progress { kWaiting, kAnswered, kFailed };

  WebhookClient(int epoll, void* tag) : epoll_(epoll), tag_(tag) {}
  ~WebhookClient() { Disconnect(); }
  WebhookClient(const WebhookClient&) = delete;
  WebhookClient& operator=(const WebhookClient&) = delete;

  // Begins one exchange; none may be under way. `request` is the whole request, head and body.
  Progress Start(const sockaddr_in& to, std::string request);
  // After an event on the descriptor.
  Progress Advance();
  void Disconnect();
  // Gives up the exchange under way.
  void Abort() {
    Disconnect();
    busy_ = false;
  }

  bool busy() const { return busy_; }
  int status() const { return status_; }
  absl::string_view body() const { return body_; }
  const std::string& error() const { return error_; }

 private:
  Progress Connect(const sockaddr_in& to);
  Progress Write();
  Progress Read();
  Progress Fail(absl::string_view what);
  bool Complete(bool at_end);

  const int epoll_;
  void* const tag_;
  int fd_ = -1;
  bool connected_ = false;
  bool busy_ = false;
  std::string request_;
  size_t sent_ = 0;
  std::string response_;
  int status_ = 0;
  std::string body_;
  bool keep_alive_ = true;
  std::string error_;
};

}  // namespace kabar::cloudsim
