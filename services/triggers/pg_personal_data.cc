// What is kept of one person, for himself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <pqxx/result>
#include <vector>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/triggers/pg_rows.h"
#include "services/triggers/pg_store.h"

namespace kabar::triggers {
namespace {

// All rows of the outlet are looked at, as by an erasure (pg_erasure.cc): it is asked rarely, and
// an index would be paid for by every event.
constexpr std::int64_t kRowsAtOnce = 2000;

constexpr pg::Query kEventPage{
    "triggers.personal_event_page",
    "SELECT coalesce(max(id), ''), count(*) FROM (SELECT id FROM events WHERE outlet_id = $1 "
    "AND id > $2 ORDER BY id LIMIT $3::bigint) AS page"};
constexpr pg::Query kEvents{
    "triggers.personal_events",
    "SELECT id, type, happened_at, contact_id, phone, name, variable_names, variable_values "
    "FROM events WHERE outlet_id = $1 AND id > $2 AND id <= $3 AND (contact_id = ANY($4::text[]) "
    "OR (phone <> '' AND phone = ANY($5::text[]))) ORDER BY id"};
constexpr pg::Query kAnswerPage{
    "triggers.personal_answer_page",
    "SELECT coalesce(max(inbound_id), ''), count(*) FROM (SELECT inbound_id FROM answers "
    "WHERE outlet_id = $1 AND inbound_id > $2 ORDER BY inbound_id LIMIT $3::bigint) AS page"};
constexpr pg::Query kAnswers{
    "triggers.personal_answers",
    "SELECT " KABAR_ANSWER_FIELDS
    "FROM answers "
    "WHERE outlet_id = $1 AND inbound_id > $2 AND inbound_id <= $3 "
    "AND (contact_id = ANY($4::text[]) OR (phone <> '' AND phone = ANY($5::text[])) "
    "OR (bsuid <> '' AND bsuid = ANY($6::text[]))) ORDER BY inbound_id"};

BusinessEvent EventOf(const pqxx::row& row) {
  BusinessEvent event{.id = pg::TextField(row[0]),
                      .type = static_cast<EventType>(row[1].as<int>()),
                      .time = pg::TimeField(row[2]),
                      .contact_id = pg::TextField(row[3]),
                      .phone = pg::TextField(row[4]),
                      .name = pg::TextField(row[5])};
  const std::vector<std::string> names = pg::TextArrayField(row[6]);
  const std::vector<std::string> values = pg::TextArrayField(row[7]);
  for (std::size_t i = 0; i < std::min(names.size(), values.size()); ++i) {
    event.variables.push_back({names[i], values[i]});
  }
  return event;
}

}  // namespace

absl::StatusOr<PersonalData> PgStore::ReadPersonalData(const std::string& outlet,
                                                       const PersonAddresses& person,
                                                       PersonPlace* place, absl::Time deadline) {
  const PersonPlace from = *place;
  PersonalData found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ReadPersonalData", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        found = {};
        *place = from;
        const pqxx::row page = tx.ExecOne(from.events_read ? kAnswerPage : kEventPage, outlet,
                                          from.after, kRowsAtOnce);
        place->after = pg::TextField(page[0]);
        const auto contacts = pg::TextArray(person.contact_ids);
        const auto phones = pg::TextArray(person.phones);
        if (!from.events_read) {
          for (const pqxx::row& row :
               tx.Exec(kEvents, outlet, from.after, place->after, contacts, phones)) {
            found.events.push_back(EventOf(row));
          }
        } else {
          for (const pqxx::row& row : tx.Exec(kAnswers, outlet, from.after, place->after, contacts,
                                              phones, pg::TextArray(person.bsuids))) {
            found.answers.push_back(AnswerOf(outlet, row));
          }
        }
        if (page[1].as<std::int64_t>() < kRowsAtOnce) {
          place->after.clear();
          place->end = from.events_read;
          place->events_read = true;
        }
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace kabar::triggers
