#include "libs/pg/status.h"

#include "absl/strings/match.h"
#include "libs/base/status.h"

namespace kabar::pg {

std::string SqlState(const absl::Status& status) { return base::GetMeta(status, "sqlstate"); }

std::string Constraint(const absl::Status& status) { return base::GetMeta(status, "constraint"); }

bool IsOfData(const absl::Status& status) {
  const std::string state = SqlState(status);
  // Refused on this side: a text with a NUL. What else fails here (a field that cannot be read, an
  // exception) is the code's or the schema's fault.
  if (state.empty()) return base::GetReason(status) == "DB_BAD_VALUE";
  for (const absl::string_view of_data : {"21", "22", "23", "54"}) {
    if (absl::StartsWith(state, of_data)) return true;
  }
  return false;
}

bool IsDuplicate(const absl::Status& status, absl::string_view constraint) {
  return status.code() == absl::StatusCode::kAlreadyExists && Constraint(status) == constraint;
}

}  // namespace kabar::pg
