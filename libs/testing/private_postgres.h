// A real PostgreSQL for one test process: an own cluster in a temporary folder, on a unix socket
// only, started with the first use and gone with the process (also after a crash). With
// KABAR_TEST_PG set (a superuser's libpq connection string) that server is used instead.
//
//   pg::Pool pool({.connection = testing::TestPostgres().CreateDatabase(), .schema = "contacts"});
//
// PostgreSQL refuses to run as root; started as root, it runs as user `postgres`. fsync is off:
// kill -9 of its processes loses nothing, a power cut would.
//
// Thread safety: safe for concurrent use. Blocks: a second or two for the first start. Errors: the
// process is aborted with a message (a test cannot go on without its server).
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::testing {

class PrivatePostgres {
 public:
  PrivatePostgres();   // a server of its own, for tests that stop it
  ~PrivatePostgres();  // stops it and removes its data
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // A new, empty database; its libpq connection string. Dropped with the cluster.
  std::string CreateDatabase();

  // Runs SQL as superuser in a database of CreateDatabase; the first column of the first row, or
  // "".
  std::string Sql(const std::string& connection, const std::string& sql);

  // All processes of the server are killed at once (kill -9), as in a crash. Not with
  // KABAR_TEST_PG.
  void Kill();
  // An immediate stop (connections cut, recovery at the next start). Not with KABAR_TEST_PG.
  void StopImmediately();
  // SIGSTOP and SIGCONT of all its processes: a server that hangs. Not with KABAR_TEST_PG.
  void Freeze();
  void Thaw();
  // After Kill or StopImmediately: with the same data and socket.
  void Start();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The one of this process, started when first asked for.
PrivatePostgres& TestPostgres();

}  // namespace kabar::testing
