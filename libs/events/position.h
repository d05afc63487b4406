// A consumer's position in a source's events, kept in the consumer's own schema in the transaction
// of its effects: that is what makes each event count exactly once. Table event_positions
// (libs/events/sql/positions_v1.sql, included by a migration of the consumer).
//
// Thread safety: as pg::Transaction. Blocks: one statement each; LoadPosition locks the row until
// the end of the transaction, so that two replicas cannot apply the same batch. Errors: ABORTED
// (the position is not what the caller thought: another replica was faster, or a number is missing;
// load it anew); libpqxx's exceptions go to the enclosing pg::Transact.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::pg {
class Transaction;
}

namespace kabar::events {

// The last number applied; 0 at first.
int64_t LoadPosition(pg::Transaction& tx, absl::string_view source);

// Where nothing was applied yet, those up to `number` count as applied.
void BeginPositionAt(pg::Transaction& tx, absl::string_view source, int64_t number);

// From the number before `first` to `last`: batches first..last are applied in this transaction.
absl::Status StorePosition(pg::Transaction& tx, absl::string_view source, int64_t first,
                           int64_t last);
inline absl::Status StorePosition(pg::Transaction& tx, absl::string_view source, int64_t number) {
  return StorePosition(tx, source, number, number);
}

}  // namespace kabar::events
