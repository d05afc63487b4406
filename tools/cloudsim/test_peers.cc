#include "tools/cloudsim/test_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/query.h"

namespace kabar::cloudsim {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool Readable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, timeout_ms) == 1;
}

// The number behind "Content-Length: "; 0 when absent.
size_t ContentLength(absl::string_view head) {
  constexpr absl::string_view kName = "Content-Length: ";
  const size_t at = head.find(kName);
  uint64_t length = 0;
  if (at == absl::string_view::npos) return 0;
  const absl::string_view rest = head.substr(at + kName.size());
  return absl::SimpleAtoi(rest.substr(0, rest.find("\r\n")), &length) ? length : 0;
}

std::string HexHmac(const std::string& secret, const std::string& body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), size));
}

}  // namespace

void TestCaller::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  pending_.clear();
}

std::string TestCaller::Request(const std::string& method, const std::string& path,
                                const std::string& body, const std::string& token) {
  return absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\n",
                      token.empty() ? "" : absl::StrCat("Authorization: Bearer ", token, "\r\n"),
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

TestReply TestCaller::Call(const std::string& method, const std::string& path,
                           const std::string& body, const std::string& token, int timeout_ms) {
  return Exchange(Request(method, path, body, token), timeout_ms);
}

TestReply TestCaller::Exchange(const std::string& bytes, int timeout_ms) {
  if (!SendBytes(bytes)) {
    TestReply reply;
    reply.body = strerror(errno);
    reply.reset = errno == ECONNRESET || errno == EPIPE;
    Close();
    return reply;
  }
  return Receive(timeout_ms);
}

bool TestCaller::SendBytes(const std::string& bytes) {
  if (fd_ < 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(port_);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return false;
    }
  }
  return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

TestReply TestCaller::Receive(int timeout_ms) {
  TestReply reply;
  while (true) {
    const size_t head_end = pending_.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const size_t end = head_end + 4 + ContentLength(pending_.substr(0, head_end + 2));
      if (pending_.size() >= end) {
        reply.status = atoi(pending_.c_str() + 9);
        reply.body = pending_.substr(head_end + 4, end - head_end - 4);
        pending_.erase(0, end);
        return reply;
      }
    }
    if (!Readable(fd_, timeout_ms)) {
      reply.body = "timed out";
      return reply;
    }
    char block[65536];
    const ssize_t got = recv(fd_, block, sizeof(block), 0);
    if (got <= 0) {
      reply.closed = got == 0;
      reply.reset = got < 0 && errno == ECONNRESET;
      reply.body = pending_;
      Close();
      return reply;
    }
    pending_.append(block, static_cast<size_t>(got));
  }
}

WebhookReceiver::WebhookReceiver(std::string app_secret, std::string verify_token)
    : app_secret_(std::move(app_secret)), verify_token_(std::move(verify_token)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    abort();  // no test could go on
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

WebhookReceiver::~WebhookReceiver() {
  stopping_.store(true);
  thread_.join();
  close(listener_);
}

std::string WebhookReceiver::url() const {
  return absl::StrCat("http://127.0.0.1:", port_, "/webhooks?source=meta");
}

void WebhookReceiver::Script(std::deque<int> statuses) {
  const std::lock_guard<std::mutex> lock(mutex_);
  script_ = std::move(statuses);
}

bool WebhookReceiver::WaitFor(size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  return arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return bodies_.size() >= count; });
}

std::vector<std::string> WebhookReceiver::bodies() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bodies_;
}

void WebhookReceiver::Run() {
  while (!stopping_.load()) {
    if (!Readable(listener_, 20)) continue;
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) continue;
    Serve(fd);
    close(fd);
  }
}

void WebhookReceiver::Serve(int fd) {
  std::string bytes;
  while (!stopping_.load()) {
    const size_t head_end = bytes.find("\r\n\r\n");
    const size_t end = head_end == std::string::npos
                           ? std::string::npos
                           : head_end + 4 + ContentLength(bytes.substr(0, head_end + 2));
    if (end != std::string::npos && bytes.size() >= end) {
      const std::string head = bytes.substr(0, head_end + 2);
      const std::string body = bytes.substr(head_end + 4, end - head_end - 4);
      bytes.erase(0, end);
      if (!Answer(fd, head, body)) return;
      continue;
    }
    if (!Readable(fd, 20)) continue;
    char block[65536];
    const ssize_t got = recv(fd, block, sizeof(block), 0);
    if (got <= 0) return;
    bytes.append(block, static_cast<size_t>(got));
  }
}

bool WebhookReceiver::Answer(int fd, absl::string_view head, const std::string& body) {
  std::string answer;
  if (absl::StartsWith(head, "GET ")) {
    const absl::string_view target = head.substr(4, head.find(' ', 4) - 4);
    const absl::string_view query = target.substr(target.find('?') + 1);
    const bool good = QueryText(query, "hub.mode") == "subscribe" &&
                      QueryText(query, "hub.verify_token") == verify_token_;
    verified_.store(good);
    answer = good ? QueryText(query, "hub.challenge") : "";
    const std::string response =
        absl::StrCat(good ? "HTTP/1.1 200 OK" : "HTTP/1.1 403 Forbidden",
                     "\r\nContent-Length: ", answer.size(), "\r\n\r\n", answer);
    return send(fd, response.data(), response.size(), MSG_NOSIGNAL) > 0;
  }
  ++attempts_;
  const std::string signature =
      absl::StrCat("X-Hub-Signature-256: sha256=", HexHmac(app_secret_, body), "\r\n");
  if (!absl::StrContains(head, signature)) ++bad_signatures_;
  int status = 200;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!script_.empty()) {
      status = script_.front();
      script_.pop_front();
    }
    if (status == 200) bodies_.push_back(body);
  }
  arrived_.notify_all();
  if (status == 0) return false;
  const std::string response = absl::StrCat("HTTP/1.1 ", status, " X\r\nContent-Length: 0\r\n\r\n");
  return send(fd, response.data(), response.size(), MSG_NOSIGNAL) > 0;
}

}  // namespace kabar::cloudsim
