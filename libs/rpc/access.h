// Roles of API keys and what a method asks of them.
//
// An outlet key has one of the three human roles; a service key (SERVICE) acts for the outlet it
// names in the metadata `x-kabar-outlet`. Pure values: thread safe, nothing blocks, no errors.
#ifndef KABAR_LIBS_RPC_ACCESS_H_
#define KABAR_LIBS_RPC_ACCESS_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace kabar::rpc {

enum class Role { kViewer, kOperator, kOwner, kService };

// What a handler method needs; every method declares exactly one.
enum class Access {
  kRead,     // VIEWER and above, or a service acting for an outlet
  kWrite,    // OPERATOR and above, or a service acting for an outlet
  kOwner,    // OWNER, or a service acting for an outlet
  kService,  // only service keys; the outlet may be empty (ReadEvents, AppendWebhooks)
};

absl::string_view RoleName(Role role);  // "VIEWER", "OPERATOR", "OWNER", "SERVICE"
std::optional<Role> ParseRole(absl::string_view name);

bool Allows(Role role, Access access);

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_ACCESS_H_
