#include "libs/pg/status.h"

#include "libs/base/status.h"

namespace kabar::pg {

std::string SqlState(const absl::Status& status) { return base::GetMeta(status, "sqlstate"); }

std::string Constraint(const absl::Status& status) { return base::GetMeta(status, "constraint"); }

bool IsDuplicate(const absl::Status& status, absl::string_view constraint) {
  return status.code() == absl::StatusCode::kAlreadyExists && Constraint(status) == constraint;
}

}  // namespace kabar::pg
