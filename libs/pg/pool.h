// Few connections to one schema of one PostgreSQL database, and a bounded line of callers waiting
// for one. Work runs through Transact (transaction.h); this header knows no libpqxx, so that
// wiring code can hold a Pool without it.
//
// A connection is opened when first needed, dropped when it breaks or when its state is unknown,
// and never reconnected silently. Every session: search_path = the schema only, UTC,
// synchronous_commit never off, idle transactions ended by the server (a stopped process must not
// hold a lane's lock). Metrics: kabar_pg_query_duration_seconds{query},
// kabar_pg_query_errors_total{query,code}, kabar_pg_pool_wait_seconds{schema}.
//
// Thread safety: safe for concurrent use; outlives all its users. Blocks: acquiring waits for a
// free connection, or connects, until the deadline. Errors: UNAVAILABLE (no connection to be had),
// RESOURCE_EXHAUSTED (too many waiting already), DEADLINE_EXCEEDED (none came free in time).
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::pg {

struct PoolOptions {
  std::string connection = "";  // libpq connection string or URI; may hold a password: never log it
  std::string schema = "public";  // the service's own; search_path is exactly this
  std::string application_name = "kabar";
  int max_connections = 8;
  int max_waiters = 256;
  absl::Duration connect_timeout = absl::Seconds(5);
  // For work without a deadline of its own.
  absl::Duration default_timeout = absl::Seconds(10);
  // The server ends a transaction whose client is silent for so long.
  absl::Duration idle_in_transaction_timeout = absl::Seconds(15);
};

class Session;   // one connection; session.h, internal
class Watchdog;  // watchdog.h, internal

class Pool {
 public:
  explicit Pool(PoolOptions options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // OK when a connection answers: for start-up checks and health.
  absl::Status Check(absl::Time deadline);

  // Closes the connections that are not in use (tests restart servers; a fail-over).
  void CloseIdle();

  struct Usage {
    int open = 0;
    int in_use = 0;
    int waiting = 0;
  };
  Usage usage() const;

  const PoolOptions& options() const;

  // Internal: a connection until destruction. `Discard` closes it instead of giving it back.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Session> session);
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Session& session() { return *session_; }
    void Discard();

   private:
    Pool* pool_;
    std::unique_ptr<Session> session_;
  };
  absl::StatusOr<Lease> Acquire(absl::Time deadline);
  Watchdog& watchdog();

 private:
  void Return(std::unique_ptr<Session> session);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::pg
