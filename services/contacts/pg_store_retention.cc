// Audiences of runs that are over: noted by the dispatcher's events, deleted for their age.
#include <algorithm>

#include "libs/base/status.h"
#include "services/contacts/pg_store.h"
#include "services/contacts/pg_store_retention.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kFinish{"contacts.finish_audience",
                            "UPDATE audiences SET finished_at = $3 "
                            "WHERE outlet_id = $1 AND run_id = $2"};
// Whole audiences first, so that nobody reads half of one.
constexpr pg::Query kForget{
    "contacts.forget_audiences",
    "WITH gone AS (DELETE FROM audiences WHERE audience IN (SELECT audience FROM audiences "
    "WHERE finished_at < $1 OR temporary AND created_at < now() - interval '1 day' "
    "ORDER BY finished_at LIMIT 20 FOR UPDATE SKIP LOCKED) "
    "RETURNING audience) INSERT INTO audiences_forgotten SELECT audience FROM gone"};
constexpr pg::Query kNext{"contacts.next_forgotten_audience",
                          "SELECT audience FROM audiences_forgotten ORDER BY audience LIMIT 1 "
                          "FOR UPDATE SKIP LOCKED"};
constexpr pg::Query kDeleteMembers{
    "contacts.delete_audience_members",
    "DELETE FROM audience_members WHERE audience = $1 AND ordinal IN (SELECT ordinal FROM "
    "audience_members WHERE audience = $1 ORDER BY ordinal LIMIT $2)"};
constexpr pg::Query kForgotten{"contacts.audience_is_forgotten",
                               "DELETE FROM audiences_forgotten WHERE audience = $1"};

}  // namespace

void NoteLaneChanged(pg::Transaction& tx, const events::v1::Event& event) {
  const events::v1::LaneChanged& lane = event.lane_changed();
  const bool over = lane.to() == events::v1::CLOSED || lane.to() == events::v1::CANCELLED_LANE ||
                    lane.to() == events::v1::EXPIRED_LANE;
  if (lane.run_id().empty() || (!over && lane.to() != events::v1::RUNNING)) return;
  const absl::Time time = absl::FromUnixSeconds(event.time().seconds());
  tx.Exec(kFinish, event.outlet_id(), lane.run_id(),
          over ? std::optional<absl::Time>(time) : std::nullopt);
}

absl::StatusOr<int64_t> PgStore::ForgetAudiences(absl::Time before, int limit,
                                                 absl::Time deadline) {
  int64_t left = limit;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ForgetAudiences", deadline, [&](pg::Transaction& tx) -> absl::Status {
        left = limit;
        tx.Exec(kForget, before);
        while (left > 0) {
          const std::optional<pqxx::row> next = tx.ExecMaybe(kNext);
          if (!next) break;
          const auto audience = (*next)[0].as<int64_t>();
          const auto deleted =
              static_cast<int64_t>(tx.Exec(kDeleteMembers, audience, left).affected_rows());
          if (deleted < left) tx.Exec(kForgotten, audience);
          left -= deleted;
        }
        return absl::OkStatus();
      }));
  return limit - left;
}

}  // namespace kabar::contacts
