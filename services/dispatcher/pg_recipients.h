// Who a message goes to, as an identity: phone and business-scoped user id are its addresses.
// Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/pg/transaction.h"

namespace kabar::dispatcher {

struct RecipientAddress {
  std::string phone = {};  // E.164 with '+', or empty
  std::string bsuid = {};  // or empty
};

// One id per address, in their order; made where nobody knows the address; 0 where both are empty.
// An address with both links them: what was two identities becomes one.
std::vector<std::int64_t> ResolveRecipients(pg::Transaction& tx, const std::string& outlet,
                                            const std::vector<RecipientAddress>& addresses);

// Of the identity and of every id that was merged into it, since messages still name those.
void OpenWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                   absl::Time last_inbound);
void CloseWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id);
void Suppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
              const std::string& source, const std::string& reason, absl::Time until);
// Takes back what this source said.
void Unsuppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
                const std::string& source);

}  // namespace kabar::dispatcher
