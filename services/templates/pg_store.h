// The store in PostgreSQL; store.h has the contract. The only part that knows SQL.
//
// Thread safety: safe for concurrent use. Blocks: every call, until its deadline.
#ifndef KABAR_SERVICES_TEMPLATES_PG_STORE_H_
#define KABAR_SERVICES_TEMPLATES_PG_STORE_H_

#include <map>
#include <string>
#include <vector>

#include "services/templates/store.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::templates {

class PgStore : public Store {
 public:
  // `pool` outlives the store; its schema is migrated already.
  explicit PgStore(pg::Pool& pool) : pool_(pool) {}

  absl::Status Write(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                     absl::FunctionRef<absl::Status(Unit&)> work) override;
  absl::StatusOr<MessageTemplate> Get(const std::string& outlet, const std::string& id,
                                      int32_t version, absl::Time deadline) override;
  absl::StatusOr<MessageTemplate> GetByCode(const std::string& outlet, const std::string& code,
                                            int32_t version, absl::Time deadline) override;
  absl::StatusOr<std::vector<MessageTemplate>> List(const std::string& outlet,
                                                    const std::string& after_code,
                                                    const ListFilter& filter, int limit,
                                                    absl::Time deadline) override;
  absl::StatusOr<std::vector<MessageTemplate>> ListVersions(const std::string& outlet,
                                                            const std::string& id,
                                                            int32_t below_version, int limit,
                                                            absl::Time deadline) override;
  absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(
      const std::string& outlet, absl::Span<const ProviderKey> keys, absl::Time deadline) override;
  absl::StatusOr<std::vector<ProviderTemplate>> ListProviderTemplates(const std::string& outlet,
                                                                      const ProviderKey& after,
                                                                      int limit,
                                                                      absl::Time deadline) override;
  absl::StatusOr<std::map<std::string, int64_t>> CountProviderTemplates(
      absl::Time deadline) override;
  absl::StatusOr<int64_t> ForgetRequests(absl::Time time, int limit, absl::Time deadline) override;

 private:
  pg::Pool& pool_;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PG_STORE_H_
