// The figures in PostgreSQL. Effects of events and the position up to which they count are one
// transaction: each event counts exactly once.
//
// Thread safety: safe for concurrent use. Blocks on the database, at most until the deadline.
// Errors: NOT_FOUND (RUN_NOT_FOUND); those of libs/pg.
#ifndef KABAR_SERVICES_ANALYTICS_PG_STORE_H_
#define KABAR_SERVICES_ANALYTICS_PG_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/events/consumer.h"
#include "services/analytics/store.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::analytics {

class PgStore : public Store {
 public:
  // `pool` (schema analytics) outlives the store.
  explicit PgStore(pg::Pool& pool) : pool_(pool) {}

  absl::StatusOr<LaneFigures> Read(const std::string& outlet, const std::string& lane_id,
                                   absl::Time now, absl::Time deadline) override;
  // What counts the events of one source ("dispatcher", "triggers").
  std::unique_ptr<events::Sink> MakeSink(const std::string& source);
  // Forgets the rate's seconds that nobody asks about any more.
  absl::Status ForgetSeconds(absl::Time before, absl::Time deadline) override;

 private:
  pg::Pool& pool_;
};

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_PG_STORE_H_
