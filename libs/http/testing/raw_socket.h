// Plain blocking sockets for the tests of this folder: the other side, byte by byte.
//
// Thread safety: one thread each. Blocks: every read, at most 10 s. Errors: a failed call ends the
// test with a Catch2 failure.
#ifndef KABAR_LIBS_HTTP_TESTING_RAW_SOCKET_H_
#define KABAR_LIBS_HTTP_TESTING_RAW_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace kabar::http {

class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) {}
  static RawSocket ConnectTo(std::uint16_t port);
  RawSocket(RawSocket&& other) noexcept : fd_(other.fd_), seen_(std::move(other.seen_)) {
    other.fd_ = -1;
  }
  ~RawSocket() { Close(); }

  void Send(absl::string_view bytes);
  // Reads until `mark` has come; returns everything up to its end and keeps the rest.
  std::string ReadUntil(absl::string_view mark);
  std::string ReadExactly(std::size_t n);
  std::string ReadToEnd();
  bool AtEnd();  // waits for the other side to close; false when a byte comes instead
  void Close();
  void Reset();  // closes with a TCP reset
  int fd() const { return fd_; }

 private:
  bool ReadMore();  // false at the end or on a reset
  int fd_;
  std::string seen_;
};

class RawListener {
 public:
  RawListener();
  ~RawListener();
  std::uint16_t port() const { return port_; }
  RawSocket Accept();
  void Close();

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_TESTING_RAW_SOCKET_H_
