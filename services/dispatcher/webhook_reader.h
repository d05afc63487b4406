// Payloads of the journal read into what the ledger applies, each failure judged by the error
// table. Nothing is lost: what cannot be read, or is not understood yet, becomes a dead letter.
//
// Thread safety: pure functions. Blocks: no. Errors: none.
#pragma once

#include <vector>

#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/webhook_batch.h"

namespace kabar::whatsapp {
class ErrorPolicy;
}

namespace kabar::dispatcher {

WebhookBatch ReadWebhooks(const std::vector<JournalEntry>& entries,
                          const whatsapp::ErrorPolicy& policy);

}  // namespace kabar::dispatcher
