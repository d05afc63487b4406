#include "libs/rpc/access.h"

namespace kabar::rpc {

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kViewer:
      return "VIEWER";
    case Role::kOperator:
      return "OPERATOR";
    case Role::kOwner:
      return "OWNER";
    case Role::kService:
      return "SERVICE";
  }
  return "";
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (Role role : {Role::kViewer, Role::kOperator, Role::kOwner, Role::kService}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

bool Allows(Role role, Access access) {
  if (role == Role::kService) return true;
  switch (access) {
    case Access::kRead:
      return true;
    case Access::kWrite:
      return role == Role::kOperator || role == Role::kOwner;
    case Access::kOwner:
      return role == Role::kOwner;
    case Access::kService:
      return false;
  }
  return false;
}

}  // namespace kabar::rpc
