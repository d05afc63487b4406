// The two peers of the simulator in its own tests: a caller and a webhook receiver, over real
// sockets, simple enough to see every byte.
//
// A TestCaller belongs to one thread. A WebhookReceiver's members are thread-safe. Blocks: calls
// wait at most ten seconds. Errors: a status of 0 and the reason in `body`.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

struct TestReply {
  int status = 0;  // 0: no answer
  std::string body;
  bool closed = false;  // by FIN
  bool reset = false;   // by RST
};

class TestCaller {
 public:
  explicit TestCaller(uint16_t port) : port_(port) {}
  ~TestCaller() { Close(); }
  TestCaller(const TestCaller&) = delete;
  TestCaller& operator=(const TestCaller&) = delete;

  // One exchange on the kept-alive connection, opened when there is none. Never repeats.
  TestReply Call(const std::string& method, const std::string& path, const std::string& body = "",
                 const std::string& token = "", int timeout_ms = 10000);
  // Raw bytes out, one answer in.
  TestReply Exchange(const std::string& bytes, int timeout_ms = 10000);
  bool SendBytes(const std::string& bytes);
  TestReply Receive(int timeout_ms = 10000);
  void Close();

  static std::string Request(const std::string& method, const std::string& path,
                             const std::string& body, const std::string& token);

 private:
  const uint16_t port_;
  int fd_ = -1;
  std::string pending_;  // bytes of the next answer
};

// Answers webhooks; one connection at a time (set the simulator's `connections` to 1).
class WebhookReceiver {
 public:
  WebhookReceiver(std::string app_secret, std::string verify_token);
  ~WebhookReceiver();
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  std::string url() const;
  // The next answers, in order; 0 closes the connection instead. Afterwards 200.
  void Script(std::deque<int> statuses);
  // Waits until so many have been answered with 200; false after ten seconds.
  bool WaitFor(size_t count);
  std::vector<std::string> bodies() const;  // of those answered with 200
  int attempts() const { return attempts_.load(); }
  int bad_signatures() const { return bad_signatures_.load(); }
  bool verified() const { return verified_.load(); }

 private:
  void Run();
  void Serve(int fd);
  // False: the connection ends.
  bool Answer(int fd, absl::string_view head, const std::string& body);

  const std::string app_secret_;
  const std::string verify_token_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> attempts_{0};
  std::atomic<int> bad_signatures_{0};
  std::atomic<bool> verified_{false};
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<int> script_;
  std::vector<std::string> bodies_;
  std::thread thread_;
};

}  // namespace kabar::cloudsim
