// Rows of the store's tables; private to pg_*.cc.
//
// Thread safety: pure functions, and those of a pg::Transaction. Errors: they throw what libpqxx
// throws.
#ifndef KABAR_SERVICES_CAMPAIGNS_PG_ROWS_H_
#define KABAR_SERVICES_CAMPAIGNS_PG_ROWS_H_

#include <optional>
#include <pqxx/row>
#include <string>
#include <vector>

#include "libs/pg/transaction.h"
#include "services/campaigns/store.h"

namespace kabar::campaigns {

// The columns that CampaignOf reads. The cursor is noted after a batch was enqueued; if its process
// died between the two, the events know of the batch, and nothing else ever will once the campaign
// has ended.
#define KABAR_CAMPAIGN_COLUMNS                                                                    \
  "outlet_id, id, name, template_id, template_version, segment_id, subject, purpose, sender_id, " \
  "rate, batch_size, max_attempts, start_text, end_text, unknown_policy, state, state_reason, "   \
  "run_id, run_day::text, start_at, end_at, asked, "                                              \
  "greatest(cursor, (SELECT sum(s) FROM run_progress p, unnest(p.states) s "                      \
  "WHERE p.run_id = campaigns.run_id)::bigint), finished, retried, created_at, "                  \
  "updated_at, finished_at, max_data_age_hours, weekdays, "                                       \
  "skip_holidays, parent_id, occurrence_at, accepted_troubles"

Campaign CampaignOf(const pqxx::row& row);

// pg_schedules.cc
// False if the occurrence has its run already.
bool InsertRun(pg::Transaction& tx, const Campaign& run);
std::string AcceptedByLastRun(pg::Transaction& tx, const std::string& outlet,
                              const std::string& parent_id);
Holidays HolidaysFrom(pg::Transaction& tx, const std::string& outlet, absl::CivilDay first);
std::int64_t PutHolidays(pg::Transaction& tx, const std::string& outlet,
                         const std::vector<Holiday>& holidays, absl::Time now);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_PG_ROWS_H_
