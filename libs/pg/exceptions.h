// From libpqxx's exceptions to absl::Status: the one table (status.h describes it for callers).
// Internal to libs/pg.
//
// Thread safety: pure functions. Nothing blocks.
#pragma once

#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::pg {

// Our own, thrown where libpqxx would have run the statement.
struct DeadlinePassed : std::runtime_error {
  DeadlinePassed() : std::runtime_error("the deadline passed before the statement") {}
};
struct TextWithNul : std::runtime_error {
  TextWithNul() : std::runtime_error("a text parameter holds a NUL byte") {}
};

// Call inside a catch block. `where`: operation and query.
absl::Status StatusOfException(absl::string_view where);

// By SQLSTATE; `message` is the server's primary message, out of which values are cut.
absl::Status StatusOfSqlState(absl::string_view where, absl::string_view sqlstate,
                              absl::string_view message);

// The connection cannot be trusted any more after this SQLSTATE.
bool SpoilsConnection(absl::string_view sqlstate);

}  // namespace kabar::pg
