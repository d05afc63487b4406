// Forward-only numbered SQL, compiled into the service that owns the schema (CMake:
// kabar_embed_migrations) and applied when it starts.
//
// Migrate creates the schema and its table schema_migrations(number, name, checksum, applied_at),
// takes an advisory lock so that replicas starting together do it once, and applies what is
// missing, each migration in a transaction of its own together with its row. A migration must
// therefore not contain COMMIT, VACUUM or CREATE INDEX CONCURRENTLY. Files run with search_path =
// the schema.
//
// Thread safety: may run in several processes at once. Blocks: for the lock and the work, until the
// deadline. Errors: FAILED_PRECONDITION (an applied migration's text or name differs from the
// binary's; the database is newer than the binary; a number is missing or out of order),
// UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL (the SQL is wrong; names file and position).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/pg/pool.h"

namespace kabar::pg {

struct Migration {
  int number = 0;               // 1, 2, 3, ... without gaps
  absl::string_view name = "";  // "init" of 0001_init.sql
  absl::string_view sql = "";
};

// Of `options`: connection, schema, application_name and connect_timeout count.
absl::Status Migrate(const PoolOptions& options, absl::Span<const Migration> migrations,
                     absl::Time deadline = absl::InfiniteFuture());

}  // namespace kabar::pg
