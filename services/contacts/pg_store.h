// The store in PostgreSQL; store.h has the contract. pg_store*.cc are the only files that know SQL
// and libpqxx.
//
// Thread safety: safe for concurrent use. Blocks: every call, until its deadline.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_H_

#include <memory>
#include <string>

#include "services/contacts/store.h"

namespace kabar::events {
class Sink;
}
namespace kabar::pg {
class Pool;
}

namespace kabar::contacts {

class PgStore : public Store {
 public:
  // `pool` outlives the store; its schema is migrated already. `zone`: the IANA name of the zone in
  // which audiences show times.
  PgStore(pg::Pool& pool, std::string zone) : pool_(pool), zone_(std::move(zone)) {}

  absl::Status Write(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                     Work work) override;
  absl::Status Read(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                    Work work) override;
  absl::StatusOr<int64_t> ForgetRequests(absl::Time time, int limit, absl::Time deadline) override;
  absl::StatusOr<int64_t> GiveUpImports(absl::Time time, int limit, absl::Time deadline) override;
  absl::StatusOr<std::optional<DueSource>> LeaseSource(absl::Time now, absl::Time until,
                                                       absl::Time deadline) override;
  absl::Status RenewLease(const DueSource& due, absl::Time until, absl::Time deadline) override;
  absl::StatusOr<int64_t> ForgetPulls(absl::Time time, int limit, absl::Time deadline) override;
  absl::StatusOr<int64_t> ForgetAudiences(absl::Time before, int limit,
                                          absl::Time deadline) override;

  // Applies the dispatcher's events (inbound.h); its position moves in the transaction of the
  // effects. The store outlives it.
  std::unique_ptr<events::Sink> MakeDispatcherSink();
  // Applies those of triggers (reported_order.h) in the same way.
  std::unique_ptr<events::Sink> MakeTriggersSink();

 private:
  pg::Pool& pool_;
  std::string zone_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_H_
