// What an error reply of Redis means. Internal to libs/redis; the table for callers stands in
// connection.h.
//
// Thread safety: pure functions. Nothing blocks.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::redis {

// `command`: its name, for the message. `error`: as Redis sent it, "ERR unknown command ...".
absl::Status StatusOfErrorReply(absl::string_view command, absl::string_view error);

}  // namespace kabar::redis
