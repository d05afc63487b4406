// Points between two steps that a kill may separate, one test each (tests/e2e/fail_points_e2e.py).
// KABAR_FAIL_POINT="<name>@<file>#<n>" makes the process that comes to the point for the n-th time
// kill itself with SIGKILL, if it is the one who creates the file: once, however often the process
// is started again. Compiled into test builds only (KABAR_FAILPOINTS); elsewhere nothing is left.
//
// Thread safety: any thread. Nothing blocks; a name that is not listed here ends a test build at
// once.
#pragma once

#include "absl/strings/string_view.h"

namespace kabar::base {

struct FailPointOf {
  absl::string_view name;
  absl::string_view part;  // the process that comes by
};

// Every fail point there is.
inline constexpr FailPointOf kFailPoints[] = {
    // campaigns: the batch is in the ledger, the cursor still before it.
    {"batch-handed-over", "campaigns"},
    // The batch is in the ledger, its ids are not in Redis.
    {"enqueue-committed", "dispatcher"},
    // Redis has given the ids away, the ledger knows nothing of it.
    {"ids-popped", "worker-1"},
    // The right to send is in the ledger, nobody is being written to.
    {"attempts-started", "worker-1"},
    // The last look was fine, no byte is written.
    {"gate-passed", "worker-1"},
    // The provider has answered, the ledger does not know what.
    {"answer-received", "worker-1"},
    // The outcomes are in the ledger; what goes back to QUEUED is not in Redis.
    {"outcomes-committed", "worker-1"},
    // The webhooks are in the journal, the gateway has no answer.
    {"webhooks-journaled", "dispatcher"},
    // The webhooks are applied, what follows from them in Redis is not done.
    {"webhooks-applied", "dispatcher"},
    // The events have their numbers, no reader has them.
    {"events-numbered", "dispatcher"},
    // Within a consumer's transaction: the position is written, the effect is not.
    {"position-stored", "analytics"},
    // A consumer's transaction is through; the consumer has not noted it.
    {"effect-committed", "triggers"},
    // The limits of a new Redis stand, the generation that opens it does not.
    {"limits-rebuilt", "dispatcher"},
};

#ifdef KABAR_FAILPOINTS
void FailPoint(absl::string_view name);
#else
constexpr void FailPoint(absl::string_view) {}
#endif

}  // namespace kabar::base
