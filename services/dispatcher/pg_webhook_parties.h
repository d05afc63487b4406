// Between whom the webhooks of one batch are: our numbers by their ids at the provider, and the
// people by their addresses. Internal to the store.
//
// Thread safety: belongs to one thread. Blocks, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/webhook_batch.h"

namespace kabar::dispatcher {

struct SenderOf {
  std::string id;
  std::string outlet_id;
  std::string portfolio_id;
};

struct PersonNamed {
  std::string phone_number_id;  // of our number: it names the outlet
  RecipientAddress address;
};

class WebhookParties {
 public:
  // Before all others.
  void FindSenders(pg::Transaction& tx, const WebhookBatch& batch);
  // nullptr: nobody's.
  const SenderOf* Find(const std::string& phone_number_id) const;
  // In their order; 0 where our number is nobody's.
  std::vector<std::int64_t> Resolve(pg::Transaction& tx, const std::vector<PersonNamed>& people);

 private:
  std::map<std::string, SenderOf> senders_;
};

}  // namespace kabar::dispatcher
