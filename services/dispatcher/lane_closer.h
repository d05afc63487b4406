// Ends lanes: EXPIRED at their end time, CLOSED when they are finished and nothing is left; and
// empties those that are over.
//
// Thread safety: one thread at a time (a KeeperLoop). Blocks: the methods, for their transactions.
// Errors: those of the store; the next round does what this one could not.
#pragma once

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

class LaneCloser {
 public:
  LaneCloser(AdminStore& store, Queue& queue, base::Clock& clock)
      : store_(store), queue_(queue), clock_(clock) {}

  // End times; promptly, several times a second. True: there is more.
  absl::StatusOr<bool> EndLanes();
  // Low-water marks and finished lanes; about once a second.
  absl::StatusOr<bool> CloseLanes();

 private:
  void Tell(const LanePass& pass);

  AdminStore& store_;
  Queue& queue_;
  base::Clock& clock_;
};

}  // namespace kabar::dispatcher
