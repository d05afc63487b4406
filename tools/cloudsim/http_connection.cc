#include "tools/cloudsim/http_connection.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

constexpr size_t kFirstBuffer = 4096;
// simdjson reads past the end of a document; what it finds there does not matter.
constexpr size_t kPadding = 64;

}  // namespace

void HttpLoop::Connection::MakeRoom() {
  if (buffer == nullptr) {
    capacity = kFirstBuffer;
    buffer.reset(new char[capacity + kPadding]);
  }
  if (begin == end) begin = end = 0;
  const size_t wanted = std::max<size_t>(parser.missing(), 1024);
  if (capacity - end >= wanted) return;
  const size_t used = end - begin;
  if (begin > 0 && capacity - used >= wanted) {
    memmove(buffer.get(), buffer.get() + begin, used);
  } else {
    capacity = std::max(capacity * 2, used + wanted);
    std::unique_ptr<char[]> larger(new char[capacity + kPadding]);
    memcpy(larger.get(), buffer.get() + begin, used);
    buffer = std::move(larger);
  }
  begin = 0;
  end = used;
}

ssize_t ReceiveStamped(int fd, char* buffer, size_t size, int64_t* arrival_us) {
  iovec chunk{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &chunk;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = recvmsg(fd, &message, 0);
  if (got <= 0) return got;
  *arrival_us = 0;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET &&
      header->cmsg_type == SCM_TIMESTAMPNS) {
    timespec stamp;
    memcpy(&stamp, CMSG_DATA(header), sizeof(stamp));
    *arrival_us = static_cast<int64_t>(stamp.tv_sec) * kMicrosPerSecond + stamp.tv_nsec / 1000;
  }
  if (*arrival_us == 0) *arrival_us = NowUs();
  return got;
}

}  // namespace kabar::cloudsim
