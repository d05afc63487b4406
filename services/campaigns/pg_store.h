// Campaigns in PostgreSQL, and the progress of their runs from the dispatcher's events.
//
// Thread safety, errors: store.h.
#ifndef KABAR_SERVICES_CAMPAIGNS_PG_STORE_H_
#define KABAR_SERVICES_CAMPAIGNS_PG_STORE_H_

#include <functional>
#include <memory>
#include <string>

#include "libs/events/consumer.h"
#include "services/campaigns/store.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::campaigns {

class PgStore : public Store {
 public:
  // `pool` (schema campaigns) outlives the store.
  explicit PgStore(pg::Pool& pool) : pool_(pool) {}

  absl::Status Write(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                     absl::FunctionRef<absl::Status(Unit&)> work) override;
  absl::StatusOr<Campaign> Get(const std::string& outlet, const std::string& id,
                               absl::Time deadline) override;
  absl::StatusOr<std::vector<Campaign>> List(const std::string& outlet, int state, bool show_runs,
                                             const std::string& after_id, int limit,
                                             absl::Time deadline) override;
  // pg_schedules.cc
  absl::StatusOr<std::vector<Campaign>> ListRuns(const std::string& outlet,
                                                 const std::string& parent_id, absl::Time before,
                                                 int limit, absl::Time deadline) override;
  absl::StatusOr<std::vector<Holiday>> ListHolidays(const std::string& outlet, int year,
                                                    absl::Time deadline) override;
  absl::StatusOr<std::optional<Campaign>> TakeDue(const std::string& owner, absl::Time now,
                                                  absl::Duration lease,
                                                  absl::Time deadline) override;
  absl::StatusOr<Progress> ReadProgress(const std::string& run_id, absl::Time deadline) override;
  absl::StatusOr<absl::Time> NextDue(absl::Time deadline) override;
  absl::Status ForgetRequests(absl::Time before, absl::Time deadline) override;

  // Counts the dispatcher's events into run_progress; a lane that the error table paused pauses its
  // campaign. `woken` is called after batches that concern a run.
  std::unique_ptr<events::Sink> MakeSink(std::function<void()> woken);

 private:
  pg::Pool& pool_;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_PG_STORE_H_
