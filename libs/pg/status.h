// How PostgreSQL's failures read as absl::Status, and what a caller may ask about one.
//
//   ALREADY_EXISTS       unique_violation, exclusion_violation     (Constraint() names it)
//   FAILED_PRECONDITION  foreign key, restrict                      (Constraint())
//   INVALID_ARGUMENT     check, not null, bad or too long data      (Constraint())
//   ABORTED              serialization failure, deadlock, lock not available: may be repeated
//   DEADLINE_EXCEEDED    statement timeout, or the deadline passed before a statement; not done
//   UNAVAILABLE          no connection, connection lost before COMMIT, server starting, stopping or
//                        read-only, too many connections; not done
//   UNKNOWN              the connection was lost during COMMIT: done or not, look it up
//   RESOURCE_EXHAUSTED   disk full, out of memory
//   PERMISSION_DENIED    insufficient privilege
//   INTERNAL             everything that is a mistake in our SQL or its use
//
// Messages name the operation, the query and the SQLSTATE, never a value (no personal data).
//
// Thread safety: pure functions. Nothing blocks.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::pg {

// Five letters, "23505"; empty where the failure had none.
std::string SqlState(const absl::Status& status);
// The violated constraint; for a not-null violation the column.
std::string Constraint(const absl::Status& status);
// True if the fault is in the values that were to be written, so that no repetition cures it. What
// ails the database, its schema or our code (connection, conflict, lock, timeout, space, a missing
// table or right, a result that cannot be read) befalls all values alike and passes, if only with a
// migration or a new release: what is to be written is kept for then.
bool IsOfData(const absl::Status& status);
// A unique violation of this constraint.
bool IsDuplicate(const absl::Status& status, absl::string_view constraint);

}  // namespace kabar::pg
