// Runs of schedules, and holidays.
#include <set>

#include "libs/base/status.h"
#include "services/campaigns/pg_rows.h"
#include "services/campaigns/pg_store.h"

namespace kabar::campaigns {
namespace {

// Whoever comes second for an occurrence inserts nothing.
constexpr pg::Query kInsertRun{
    "campaigns.insert_run",
    "INSERT INTO campaigns (outlet_id, id, name, template_id, segment_id, subject, purpose, "
    "sender_id, rate, batch_size, max_attempts, start_text, end_text, unknown_policy, state, "
    "start_at, end_at, created_at, updated_at, max_data_age_hours, parent_id, occurrence_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$18, $19, $20, $21) ON CONFLICT (parent_id, occurrence_at) WHERE parent_id <> '' DO NOTHING"};
constexpr pg::Query kAcceptedBefore{
    "campaigns.accepted_before",
    "SELECT accepted_troubles FROM campaigns WHERE outlet_id = $1 AND parent_id = $2 "
    "AND parent_id <> '' ORDER BY occurrence_at DESC LIMIT 1"};
constexpr pg::Query kListRuns{"campaigns.list_runs",
                              "SELECT " KABAR_CAMPAIGN_COLUMNS
                              " FROM campaigns WHERE outlet_id = $1 AND parent_id = $2 "
                              "AND parent_id <> '' AND occurrence_at < $3 "
                              "ORDER BY occurrence_at DESC LIMIT $4"};
constexpr pg::Query kHolidaysFrom{"campaigns.holidays_from",
                                  "SELECT day::text FROM holidays "
                                  "WHERE outlet_id = $1 AND day >= $2::date"};
constexpr pg::Query kListHolidays{"campaigns.list_holidays",
                                  "SELECT day::text, name FROM holidays WHERE outlet_id = $1 "
                                  "AND ($2 = 0 OR extract(year FROM day) = $2) ORDER BY day"};
constexpr pg::Query kDeleteYear{"campaigns.delete_holidays",
                                "DELETE FROM holidays WHERE outlet_id = $1 "
                                "AND extract(year FROM day) = $2"};
constexpr pg::Query kInsertHoliday{
    "campaigns.insert_holiday",
    "INSERT INTO holidays (outlet_id, day, name) VALUES ($1, $2::date, $3) "
    "ON CONFLICT (outlet_id, day) DO UPDATE SET name = excluded.name"};
// Their next occurrence may be another one now.
constexpr pg::Query kWakeSchedules{"campaigns.wake_schedules",
                                   "UPDATE campaigns SET due_at = $2 WHERE outlet_id = $1 "
                                   "AND weekdays <> 0 AND state = 2"};

absl::CivilDay DayField(const pqxx::field& field) {
  absl::CivilDay day;
  absl::ParseCivilTime(field.c_str(), &day);
  return day;
}

}  // namespace

bool InsertRun(pg::Transaction& tx, const Campaign& c) {
  return tx.Exec(kInsertRun, c.outlet_id, c.id, c.name, c.template_id, c.segment_id, c.subject,
                 c.purpose, c.sender_id, c.rate, c.batch_size, c.max_attempts, c.start_text,
                 c.end_text, c.unknown_policy, static_cast<int>(c.state), c.start_at, c.end_at,
                 c.created_at, c.max_data_age_hours, c.parent_id, c.occurrence_at)
             .affected_rows() > 0;
}

std::string AcceptedByLastRun(pg::Transaction& tx, const std::string& outlet,
                              const std::string& parent_id) {
  const auto row = tx.ExecMaybe(kAcceptedBefore, outlet, parent_id);
  return row ? pg::TextField((*row)[0]) : "";
}

Holidays HolidaysFrom(pg::Transaction& tx, const std::string& outlet, absl::CivilDay first) {
  Holidays holidays;
  for (const pqxx::row& row : tx.Exec(kHolidaysFrom, outlet, absl::FormatCivilTime(first))) {
    holidays.insert(DayField(row[0]));
  }
  return holidays;
}

std::int64_t PutHolidays(pg::Transaction& tx, const std::string& outlet,
                         const std::vector<Holiday>& holidays, absl::Time now) {
  std::set<std::int64_t> years;
  std::set<absl::CivilDay> days;
  for (const Holiday& holiday : holidays) years.insert(holiday.day.year());
  for (const std::int64_t year : years) tx.Exec(kDeleteYear, outlet, year);
  for (const Holiday& holiday : holidays) {
    tx.Exec(kInsertHoliday, outlet, absl::FormatCivilTime(holiday.day), holiday.name);
    days.insert(holiday.day);
  }
  tx.Exec(kWakeSchedules, outlet, now);
  return static_cast<std::int64_t>(days.size());
}

absl::StatusOr<std::vector<Campaign>> PgStore::ListRuns(const std::string& outlet,
                                                        const std::string& parent_id,
                                                        absl::Time before, int limit,
                                                        absl::Time deadline) {
  std::vector<Campaign> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListRuns", {.deadline = deadline, .read_only = true}, [&](pg::Transaction& tx) {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kListRuns, outlet, parent_id, before, limit)) {
          found.push_back(CampaignOf(row));
        }
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::vector<Holiday>> PgStore::ListHolidays(const std::string& outlet, int year,
                                                           absl::Time deadline) {
  std::vector<Holiday> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListHolidays", {.deadline = deadline, .read_only = true}, [&](pg::Transaction& tx) {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kListHolidays, outlet, year)) {
          found.push_back({DayField(row[0]), pg::TextField(row[1])});
        }
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace kabar::campaigns
