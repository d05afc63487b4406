// One connection to PostgreSQL with its session settings and prepared statements. Internal to
// libs/pg.
//
// Thread safety: one thread at a time. Blocks: Open until connected or the deadline. Errors:
// UNAVAILABLE (cannot connect), INVALID_ARGUMENT (the connection string), FAILED_PRECONDITION (the
// schema's name).
#pragma once

#include <map>
#include <memory>
#include <pqxx/connection>
#include <pqxx/errorhandler>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/pool.h"
#include "libs/pg/query.h"

namespace kabar::pg {

// The duration of a query; counted by name.
metrics::Histogram& QueryDuration(const char* query);
void CountQueryError(const char* query, absl::StatusCode code);

class Session {
 public:
  static absl::StatusOr<std::unique_ptr<Session>> Open(const PoolOptions& options,
                                                       absl::Time deadline);

  pqxx::connection& connection() { return connection_; }

  struct Statement {
    std::string text;
    metrics::Histogram* duration = nullptr;
  };
  // Prepares at the first use. Throws what libpqxx throws; pqxx::usage_error when another text
  // bears the name.
  const Statement& Prepare(const Query& query);

  // Grows with every warning of the server.
  int warnings() const { return warnings_.count; }

 private:
  explicit Session(const std::string& conninfo);

  struct Warnings : pqxx::errorhandler {
    explicit Warnings(pqxx::connection_base& connection) : errorhandler(connection) {}
    bool operator()(char const message[]) noexcept override;
    int count = 0;
  };

  pqxx::connection connection_;
  Warnings warnings_;
  std::map<std::string, Statement, std::less<>> statements_;
};

}  // namespace kabar::pg
