// Deletes what is older than anybody asks for: whole days of the ledger (messages and attempts),
// the record of customers' messages, dead letters that a person has dealt with.
//
// Kept however old: a day with something QUEUED, SENDING, UNKNOWN or just changed (statuses still
// come, and the 24 hours are rebuilt from what was sent); dead letters that are open; the audit
// log; the outbox, whose rows go when every reader has passed.
//
// Thread safety: one thread at a time (a KeeperLoop). Blocks: RunOnce for its transactions. Errors:
// those of the store; the next round does what this one could not.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/admin_store.h"

namespace kabar::dispatcher {

class Retention {
 public:
  Retention(AdminStore& store, absl::Duration keep, base::Clock& clock)
      : store_(store), keep_(keep), clock_(clock) {}

  // True if there may be more.
  absl::StatusOr<bool> RunOnce();

 private:
  AdminStore& store_;
  const absl::Duration keep_;
  base::Clock& clock_;
};

}  // namespace kabar::dispatcher
