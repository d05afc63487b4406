// The provider refused what a number sent as too much: it sends half as fast for a while.
//
// Thread safety: any thread. Blocks: on Redis, until `deadline`. Errors: logged; the number
// recovers by itself, so nothing is lost where Redis cannot be told.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

// `slot_us`: of the request that was refused (Queue::SlowSender).
void SlowDown(Queue& queue, const std::string& portfolio_id, const std::string& sender_id,
              std::int64_t slot_us, absl::Time deadline);

}  // namespace kabar::dispatcher
