// Looks after attempts of which nobody tells how they ended: expired leases become UNKNOWN, UNKNOWN
// attempts go back to the queue by policy and on evidence.
//
// Thread safety: one thread at a time (a KeeperLoop). Blocks: RunOnce for its transactions. Errors:
// those of the store; the next round does what this one could not.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

class Rescuer {
 public:
  Rescuer(AdminStore& store, Queue& queue, absl::Duration unknown_window, base::Clock& clock)
      : store_(store), queue_(queue), unknown_window_(unknown_window), clock_(clock) {}

  // True if there may be more.
  absl::StatusOr<bool> RunOnce();

 private:
  AdminStore& store_;
  Queue& queue_;
  const absl::Duration unknown_window_;
  base::Clock& clock_;
};

}  // namespace kabar::dispatcher
