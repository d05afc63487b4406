#include "tools/cloudsim/webhook_client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kabar::cloudsim {
namespace {

// The value of a header field; empty when absent. `head` ends before the blank line.
absl::string_view FieldValue(absl::string_view head, absl::string_view name) {
  for (size_t at = head.find("\r\n"); at != absl::string_view::npos;) {
    const size_t begin = at + 2;
    const size_t end = head.find("\r\n", begin);
    const absl::string_view line =
        head.substr(begin, end == absl::string_view::npos ? absl::string_view::npos : end - begin);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        absl::EqualsIgnoreCase(line.substr(0, name.size()), name)) {
      return absl::StripAsciiWhitespace(line.substr(name.size() + 1));
    }
    at = end;
  }
  return {};
}

}  // namespace

void WebhookClient::Disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connected_ = false;
}

WebhookClient::Progress WebhookClient::Fail(absl::string_view what) {
  error_ = errno == 0 ? std::string(what) : absl::StrCat(what, ": ", strerror(errno));
  Disconnect();
  busy_ = false;
  return Progress::kFailed;
}

WebhookClient::Progress WebhookClient::Start(const sockaddr_in& to, std::string request) {
  busy_ = true;
  request_ = std::move(request);
  sent_ = 0;
  response_.clear();
  body_.clear();
  status_ = 0;
  if (fd_ >= 0) {
    // The receiver may have closed the idle connection meanwhile.
    char byte = 0;
    const ssize_t got = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) Disconnect();
  }
  return fd_ < 0 ? Connect(to) : Write();
}

WebhookClient::Progress WebhookClient::Connect(const sockaddr_in& to) {
  errno = 0;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Fail("socket");
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0 &&
      errno != EINPROGRESS) {
    return Fail("connect");
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = tag_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
  return Progress::kWaiting;
}

WebhookClient::Progress WebhookClient::Advance() {
  if (!busy_ || fd_ < 0) return Progress::kWaiting;
  if (!connected_) {
    int code = 0;
    socklen_t size = sizeof(code);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) {
      errno = code;
      return Fail("connect");
    }
    sockaddr_in peer{};
    size = sizeof(peer);
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      return Progress::kWaiting;  // still connecting
    }
    connected_ = true;
  }
  if (sent_ < request_.size()) {
    const Progress progress = Write();
    if (progress != Progress::kWaiting) return progress;
  }
  return Read();
}

WebhookClient::Progress WebhookClient::Write() {
  while (sent_ < request_.size()) {
    const ssize_t sent =
        send(fd_, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return Fail("write");
    }
    sent_ += static_cast<size_t>(sent);
  }
  return Progress::kWaiting;
}

WebhookClient::Progress WebhookClient::Read() {
  char block[4096];
  while (true) {
    const ssize_t got = recv(fd_, block, sizeof(block), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Progress::kWaiting;
      return Fail("read");
    }
    response_.append(block, static_cast<size_t>(got));
    const bool at_end = got == 0;
    if (Complete(at_end)) {
      if (!keep_alive_ || at_end) Disconnect();
      busy_ = false;
      return Progress::kAnswered;
    }
    if (at_end) {
      errno = 0;
      return Fail("the receiver closed the connection before answering");
    }
  }
}

bool WebhookClient::Complete(bool at_end) {
  const size_t head_end = response_.find("\r\n\r\n");
  if (head_end == std::string::npos) return false;
  const absl::string_view all(response_);
  const absl::string_view head = all.substr(0, head_end);
  const absl::string_view rest = all.substr(head_end + 4);
  if (!absl::StartsWith(head, "HTTP/1.") || head.size() < 12 ||
      !absl::SimpleAtoi(head.substr(9, 3), &status_)) {
    status_ = 0;
    keep_alive_ = false;
    return true;
  }
  keep_alive_ = absl::StartsWith(head, "HTTP/1.1") &&
                !absl::EqualsIgnoreCase(FieldValue(head, "connection"), "close");
  uint64_t length = 0;
  if (absl::SimpleAtoi(FieldValue(head, "content-length"), &length)) {
    if (rest.size() < length) return false;
    body_ = std::string(rest.substr(0, length));
    return true;
  }
  if (absl::EqualsIgnoreCase(FieldValue(head, "transfer-encoding"), "chunked")) {
    // Nobody looks into a chunked body; its end is all that matters.
    return absl::EndsWith(rest, "0\r\n\r\n");
  }
  if (status_ == 204 || status_ == 304) return true;
  keep_alive_ = false;
  body_ = std::string(rest);
  return at_end;
}

}  // namespace kabar::cloudsim
