// A real Redis for one test process: redis-server on a unix socket in a temporary folder, started
// with the first use and gone with the process (also after a crash).
//
// Thread safety: safe for concurrent use. Blocks: some 10 ms for a start. Errors: the process is
// aborted with a message (a test cannot go on without its server).
#pragma once

#include <memory>
#include <string>

namespace kabar::testing {

class PrivateRedis {
 public:
  PrivateRedis();
  ~PrivateRedis();
  PrivateRedis(const PrivateRedis&) = delete;
  PrivateRedis& operator=(const PrivateRedis&) = delete;

  // "unix:///tmp/.../redis.sock", for redis::ConnectionOptions.
  const std::string& url() const;

  void FlushAll();
  // kill -9, nothing saved; url() stays.
  void Kill();
  void Freeze();
  void Thaw();
  void Start();
  // A new run id; the data is kept (saved before the stop) or gone.
  void RestartWithData();
  void RestartWithoutData();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The one of this process, started when first asked for.
PrivateRedis& TestRedis();

}  // namespace kabar::testing
