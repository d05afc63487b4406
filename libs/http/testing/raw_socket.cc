#include "libs/http/testing/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace kabar::http {
namespace {

// Thrown into Catch2, which reports it as the test's failure.
void Expect(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void AwaitReadable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  Expect(::poll(&waiting, 1, 10000) == 1, "nothing to read for 10 s");
}

}  // namespace

RawSocket RawSocket::ConnectTo(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  Expect(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
         "connect");
  return RawSocket(fd);
}

void RawSocket::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    Expect(n > 0, "send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool RawSocket::ReadMore() {
  AwaitReadable(fd_);
  char bytes[65536];
  const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
  if (n <= 0) return false;
  seen_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

std::string RawSocket::ReadUntil(absl::string_view mark) {
  std::size_t at;
  while ((at = seen_.find(mark.data(), 0, mark.size())) == std::string::npos) {
    Expect(ReadMore(), "the other side closed too early");
  }
  std::string out = seen_.substr(0, at + mark.size());
  seen_.erase(0, at + mark.size());
  return out;
}

std::string RawSocket::ReadExactly(std::size_t n) {
  while (seen_.size() < n) Expect(ReadMore(), "the other side closed too early");
  std::string out = seen_.substr(0, n);
  seen_.erase(0, n);
  return out;
}

std::string RawSocket::ReadToEnd() {
  while (ReadMore()) {
  }
  return std::exchange(seen_, {});
}

bool RawSocket::AtEnd() { return seen_.empty() && !ReadMore(); }

void RawSocket::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawSocket::Reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  Close();
}

RawListener::RawListener() {
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  Expect(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "bind");
  Expect(::listen(fd_, 64) == 0, "listen");
  socklen_t size = sizeof(address);
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
}

RawListener::~RawListener() { Close(); }

void RawListener::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

RawSocket RawListener::Accept() {
  AwaitReadable(fd_);
  const int fd = ::accept(fd_, nullptr, nullptr);
  Expect(fd >= 0, "accept");
  return RawSocket(fd);
}

}  // namespace kabar::http
