// Media in the transactions of others: Enqueue says that they are wanted, outcomes that an id is
// good no more. Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <set>
#include <string>

#include "libs/pg/transaction.h"

namespace kabar::dispatcher {

// Messages that name them are about to go through this number.
void WantMedia(pg::Transaction& tx, const std::string& outlet, const std::string& sender_id,
               const std::set<std::string>& names);

// The number can upload again, perhaps: those that failed are tried at once.
void TryUploadsAgain(pg::Transaction& tx, const std::string& sender_id);

// WhatsApp does not know it any more: it is uploaded anew.
void ForgetMediumId(pg::Transaction& tx, const std::string& sender_id,
                    const std::string& provider_id);

}  // namespace kabar::dispatcher
