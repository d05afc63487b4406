// Few connections to one Redis and a bounded line of callers waiting for one.
//
// Thread safety: safe for concurrent use; outlives its leases. Blocks: Acquire waits for a free
// connection until the deadline. Errors: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED (too many waiting);
// both mean: not executed. Commands: as in connection.h.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/redis/connection.h"
#include "libs/redis/reply.h"

namespace kabar::redis {

struct PoolOptions {
  ConnectionOptions connection = {};
  int max_connections = 4;
  int max_waiters = 256;
};

class Pool {
 public:
  explicit Pool(PoolOptions options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A connection until destruction.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection);
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };
  absl::StatusOr<Lease> Acquire(absl::Time deadline);

  // Callers in the line.
  int waiting() const;

  // Acquire and Command in one.
  absl::StatusOr<Reply> Command(absl::Span<const absl::string_view> args, absl::Time deadline);
  absl::StatusOr<Reply> Command(std::initializer_list<absl::string_view> args,
                                absl::Time deadline) {
    return Command(absl::MakeConstSpan(args.begin(), args.size()), deadline);
  }

 private:
  void Return(std::unique_ptr<Connection> connection);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::redis
