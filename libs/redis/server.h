// Two questions to a Redis server that limits and recovery rest on.
//
// Thread safety: as Connection. Blocks: until the deadline. Errors: as in connection.h.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kabar::redis {

class Connection;

// The server's clock, in microseconds (a whole-second clock lets a bucket pass several times its
// rate).
absl::StatusOr<absl::Time> ServerTime(Connection& connection, absl::Time deadline);

// INFO's run_id: another one means that the server was restarted.
absl::StatusOr<std::string> RunId(Connection& connection, absl::Time deadline);

}  // namespace kabar::redis
