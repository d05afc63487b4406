// The SQL of provider templates; internal to the store.
//
// Thread safety: within the transaction given. Blocks, errors: as pg::Transaction.
#ifndef KABAR_SERVICES_TEMPLATES_PG_PROVIDERS_H_
#define KABAR_SERVICES_TEMPLATES_PG_PROVIDERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/templates/store.h"

namespace kabar::pg {
class Transaction;
}

// As the Unit's methods of these names.
namespace kabar::templates::pg_providers {

std::vector<ProviderTemplate> Find(pg::Transaction& tx, const std::string& outlet,
                                   absl::Span<const ProviderKey> keys);
std::vector<ProviderTemplate> All(pg::Transaction& tx, const std::string& outlet);
void Put(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
         absl::Time now);
absl::StatusOr<ProviderTemplate> Agree(pg::Transaction& tx, const std::string& outlet,
                                       const ProviderKey& key, absl::Time now);
void PutSynced(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
               absl::Time asked);
void PutSubmitted(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
                  absl::Time asked);
void ReleaseAccounts(pg::Transaction& tx, const std::string& outlet,
                     absl::Span<const std::string> named);
int EndSync(pg::Transaction& tx, const std::string& outlet, const std::string& account_id,
            absl::Span<const ProviderKey> there, absl::Time asked);
void ApplyNews(pg::Transaction& tx, const std::string& outlet, const ProviderNews& news);

}  // namespace kabar::templates::pg_providers

#endif  // KABAR_SERVICES_TEMPLATES_PG_PROVIDERS_H_
