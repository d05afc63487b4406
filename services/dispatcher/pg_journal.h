// The webhook journal in a transaction that applies parts of it. Internal to the store.
//
// Thread safety, blocking: as pg::Transaction. Errors: JOURNAL_MOVED_ON where another process has
// applied one of the parts; read the journal anew.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/webhook_batch.h"

namespace kabar::dispatcher {

// Their rows FOR UPDATE, as they were read.
absl::Status LockJournal(pg::Transaction& tx, const std::vector<JournalPart>& parts);
void MarkApplied(pg::Transaction& tx, const std::vector<JournalPart>& parts);

}  // namespace kabar::dispatcher
