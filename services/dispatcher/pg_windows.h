// Whether a person may be written to: windows (since when he may be told anything) and suppressions
// (what he must not be told). Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "libs/pg/transaction.h"

namespace kabar::dispatcher {

// Of the identity and of every id that was merged into it, since messages still name those.
void OpenWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                   absl::Time last_inbound);
// Unless it was opened later than `before`.
void CloseWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                    absl::Time before);
void Suppress(pg::Transaction& tx, const std::string& outlet, std::int64_t recipient_id,
              const std::string& purpose, const std::string& source, const std::string& reason,
              absl::Time until);
// Takes back what this source said.
void Unsuppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
                const std::string& source);

}  // namespace kabar::dispatcher
