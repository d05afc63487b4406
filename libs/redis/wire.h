// The socket to Redis: bytes out and replies in, each with a deadline. Internal to libs/redis.
// hiredis connects and parses; sending is ours, because hiredis 0.14 writes without MSG_NOSIGNAL
// (a lost server would end the process) and cannot say how much of a command went out.
//
// Thread safety: one thread at a time. Blocks: until the deadline.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/redis/url.h"

struct redisReader;
struct redisReply;

namespace kabar::redis {

class Wire {
 public:
  // UNAVAILABLE when it cannot connect in time.
  static absl::StatusOr<std::unique_ptr<Wire>> Connect(const Address& address, absl::Time deadline);
  ~Wire();

  // False when the server has closed the connection, or sent what nobody asked for.
  bool Fresh() const;

  struct Progress {
    size_t sent = 0;  // bytes handed to the kernel
    absl::Status error;
  };
  // Sends `bytes` and takes `replies` replies, both at once, so that neither side can block the
  // other.
  Progress Exchange(const std::string& bytes, size_t replies, absl::Time deadline,
                    absl::FunctionRef<void(const redisReply&)> take);

 private:
  explicit Wire(int fd);
  absl::Status Send(const std::string& bytes, size_t& sent);
  bool HasInput() const;
  absl::Status Receive();
  absl::Status TakeReplies(size_t& left, absl::FunctionRef<void(const redisReply&)> take);

  int fd_;
  redisReader* reader_;
};

}  // namespace kabar::redis
