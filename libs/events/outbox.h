// The writing end of a service's events: one row of its `outbox` table for all events of a
// transaction (libs/events/sql/outbox_v1.sql, which a migration of the service includes with
// `\ir ../../../libs/events/sql/outbox_v1.sql`).
//
// Call it LAST in the transaction: row locks taken before make two transactions that change the
// same message insert their rows in the order of their changes.
//
// Thread safety: as pg::Transaction. Blocks: one INSERT. Errors: INTERNAL (a batch that cannot be
// serialised); like every statement it throws libpqxx's exceptions to the enclosing pg::Transact.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::events::v1 {
class EventBatch;
}
namespace kabar::pg {
class Transaction;
}

namespace kabar::events {

// An empty batch writes nothing.
absl::Status AppendToOutbox(pg::Transaction& tx, const v1::EventBatch& batch);

// NOTIFY channels of a schema's outbox: rows were committed; rows were numbered.
std::string CommittedChannel(absl::string_view schema);
std::string NumberedChannel(absl::string_view schema);

}  // namespace kabar::events
