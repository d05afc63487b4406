#include "libs/redis/wire.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::redis {
namespace {

absl::Status Lost(absl::string_view what) {
  return base::Error(absl::StatusCode::kUnavailable, "REDIS_CONNECTION", what);
}

// False at the deadline. Rounds up, so that a wait never ends just before it and spins.
bool PollUntil(int fd, short events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    const int64_t ms = std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000);
    pollfd wait = {.fd = fd, .events = events, .revents = 0};
    if (poll(&wait, 1, static_cast<int>(ms)) > 0) return true;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Wire>> Wire::Connect(const Address& address, absl::Time deadline) {
  redisContext* context = address.socket.empty()
                              ? redisConnectNonBlock(address.host.c_str(), address.port)
                              : redisConnectUnixNonBlock(address.socket.c_str());
  if (context == nullptr) return Lost("out of memory");
  const std::string label = address.Label();
  if (context->err != 0) {
    absl::Status status =
        Lost(absl::StrCat("cannot connect to Redis at ", label, ": ", context->errstr));
    redisFree(context);
    return status;
  }
  const int fd = redisFreeKeepFd(context);
  std::unique_ptr<Wire> wire(new Wire(fd));
  if (!PollUntil(fd, POLLOUT, deadline)) {
    return Lost(absl::StrCat("cannot connect to Redis at ", label, " in time"));
  }
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    return Lost(absl::StrCat("cannot connect to Redis at ", label, ": ", std::strerror(error)));
  }
  const int one = 1;
  if (address.socket.empty()) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return wire;
}

Wire::Wire(int fd) : fd_(fd), reader_(redisReaderCreate()) {}

Wire::~Wire() {
  redisReaderFree(reader_);
  close(fd_);
}

bool Wire::Fresh() const {
  char byte;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Wire::HasInput() const {
  char byte;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

absl::Status Wire::Send(const std::string& bytes, size_t& sent) {
  while (sent < bytes.size()) {
    const ssize_t n =
        send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return Lost(absl::StrCat("sending to Redis failed: ", std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

absl::Status Wire::Receive() {
  char buffer[16 * 1024];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (n == 0) return Lost("Redis closed the connection");
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return absl::OkStatus();
    return Lost(absl::StrCat("receiving from Redis failed: ", std::strerror(errno)));
  }
  if (redisReaderFeed(reader_, buffer, static_cast<size_t>(n)) != REDIS_OK) {
    return Lost(absl::StrCat("Redis answered nonsense: ", reader_->errstr));
  }
  return absl::OkStatus();
}

absl::Status Wire::TakeReplies(size_t& left, absl::FunctionRef<void(const redisReply&)> take) {
  while (left > 0) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_, &reply) != REDIS_OK) {
      return Lost(absl::StrCat("Redis answered nonsense: ", reader_->errstr));
    }
    if (reply == nullptr) break;
    const std::unique_ptr<void, decltype(&freeReplyObject)> owner(reply, &freeReplyObject);
    take(*static_cast<const redisReply*>(reply));
    --left;
  }
  return absl::OkStatus();
}

Wire::Progress Wire::Exchange(const std::string& bytes, size_t replies, absl::Time deadline,
                              absl::FunctionRef<void(const redisReply&)> take) {
  Progress progress;
  while (progress.error.ok()) {
    progress.error = Send(bytes, progress.sent);
    if (!progress.error.ok()) {
      // What Redis answered before it went away still counts.
      while (HasInput() && Receive().ok()) {
      }
      TakeReplies(replies, take).IgnoreError();
      break;
    }
    const bool all_sent = progress.sent == bytes.size();
    const short events = all_sent ? POLLIN : POLLIN | POLLOUT;
    if (!PollUntil(fd_, events, deadline)) {
      progress.error = base::Error(absl::StatusCode::kUnavailable, "REDIS_TIMEOUT",
                                   "Redis did not answer before the deadline");
      break;
    }
    progress.error = Receive();
    if (!progress.error.ok()) break;
    progress.error = TakeReplies(replies, take);
    if (replies == 0 && all_sent) break;
  }
  return progress;
}

}  // namespace kabar::redis
