// What a failure asks for beyond its message, done in the transaction that records it: nothing of
// it is lost if the process dies after the commit. Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/pg_rows.h"

namespace kabar::dispatcher {

// `lane`: the message's, locked, FOR UPDATE for kPauseLane; it is brought up to date. `reason`:
// what the provider named. `started`: when the request was written; a customer who wrote after it
// has opened a window of which it says nothing.
void ActOnFailure(pg::Transaction& tx, Lane& lane, std::int64_t recipient_id, OutcomeAction action,
                  const std::string& reason, absl::Time started, LedgerEvents& events);

}  // namespace kabar::dispatcher
