// Puts what the ledger has QUEUED again back into Redis. A failure is logged and counted, never an
// error: the sweeper finds what Redis lacks.
//
// Thread safety: free functions, any thread. Blocks: on ledger and Redis, until `deadline`.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

void PushRequeued(AdminStore& store, Queue& queue, const std::vector<Store::Requeued>& requeued,
                  absl::Time deadline);

// Counts UNKNOWN attempts that are sent again, by the policy or by a person's decision: the only
// sources of a double.
void NoteResends(std::size_t messages);

// Notes that Redis was not told something; `what` is a constant ("push", "put_lane").
void NoteQueueStatus(absl::string_view what, const absl::Status& status);

// What to answer who changed a limit, when Redis was `told` of it. Claims go by what Redis holds: a
// Redis that may not have heard of a change is not to be promised to go by it (UNAVAILABLE
// CHANGE_NOT_IN_FORCE); one that is yet to be built from the ledger will.
absl::Status InForce(const absl::Status& told);

}  // namespace kabar::dispatcher
