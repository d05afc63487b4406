#include "services/triggers/pg_erasure.h"

#include <cstdint>
#include <optional>
#include <pqxx/result>
#include <utility>

#include "absl/time/clock.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/pg/pool.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(5);
constexpr absl::Duration kTryAgain = absl::Minutes(1);
constexpr absl::Duration kTimeout = absl::Seconds(30);
// An answer that nobody could read by then is blanked unread.
constexpr absl::Duration kSettle = absl::Minutes(30);
constexpr int kRowsAtOnce = 2000;  // looked at, not locked

constexpr pg::Query kNote{"triggers.note_erasure",
                          "INSERT INTO erasures (outlet_id, contact_ids, phones, bsuids, "
                          "erased_at, noted_at, due_at) "
                          "VALUES ($1, $2::text[], $3::text[], $4::text[], $5, $6, $6)"};
// Put off at once: should this one fail, others have their turn. Another process may be at it.
constexpr pg::Query kTake{
    "triggers.take_erasure",
    "UPDATE erasures SET due_at = $2 WHERE id = (SELECT id FROM erasures WHERE due_at <= $1 "
    "ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) "
    "RETURNING id, outlet_id, contact_ids, phones, bsuids, noted_at, erased_at"};
constexpr pg::Query kDone{"triggers.erased", "DELETE FROM erasures WHERE id = $1::bigint"};

// All rows of the outlet are looked at, page by page of the key: erasing is rare, and an index
// would be paid for by every event.
constexpr pg::Query kEventPage{
    "triggers.erase_event_page",
    "SELECT max(id), count(*) FROM (SELECT id FROM events WHERE outlet_id = $1 AND id > $2 "
    "ORDER BY id LIMIT $3) AS page"};
constexpr pg::Query kEvents{
    "triggers.erase_events",
    "UPDATE events SET phone = '', name = '', "
    "variable_values = ARRAY(SELECT '' FROM unnest(variable_values)) WHERE outlet_id = $1 "
    "AND id > $2 AND id <= $3 AND (contact_id = ANY($4::text[]) "
    "OR (phone <> '' AND phone = ANY($5::text[]) AND published_at <= $6)) RETURNING id"};
constexpr pg::Query kSteps{"triggers.erase_steps",
                           "UPDATE steps SET state = 3, reason = 'ERASED', finished_at = $3 "
                           "WHERE outlet_id = $1 AND event_id = ANY($2::text[]) AND state = 1"};
constexpr pg::Query kAnswerPage{
    "triggers.erase_answer_page",
    "SELECT max(inbound_id), count(*) FROM (SELECT inbound_id FROM answers WHERE outlet_id = $1 "
    "AND inbound_id > $2 ORDER BY inbound_id LIMIT $3) AS page"};
#define KABAR_HIS                                                                      \
  "(contact_id = ANY($4::text[]) OR (received_at <= $7 AND ((phone <> '' AND phone = " \
  "ANY($5::text[])) "                                                                  \
  "OR (bsuid <> '' AND bsuid = ANY($6::text[])))))"
constexpr pg::Query kAnswers{
    "triggers.erase_answers",
    "UPDATE answers SET phone = '', bsuid = '', body = '', payload = '' WHERE outlet_id = $1 "
    "AND inbound_id > $2 AND inbound_id <= $3 AND (recorded_at IS NOT NULL OR $8::boolean) "
    "AND " KABAR_HIS};
constexpr pg::Query kUnread{
    "triggers.erase_unread",
    "SELECT EXISTS (SELECT 1 FROM answers WHERE outlet_id = $1 AND inbound_id > $2 "
    "AND inbound_id <= $3 AND recorded_at IS NULL AND " KABAR_HIS ")"};

template <typename Texts>
std::string ArrayOfTexts(const Texts& texts) {
  pg::ArrayBuilder builder;
  for (const std::string& text : texts) builder.Add(text);
  return std::move(builder).Finish();
}

// Calls `work(tx, after, last)` for each page of a table's keys, in a transaction each.
template <typename Work>
absl::Status ForPages(pg::Pool& pool, const pg::Query& page, const std::string& outlet, Work work) {
  std::string after;
  for (bool more = true; more;) {
    std::string last = after;
    KABAR_RETURN_IF_ERROR(
        pg::Transact(pool, "Erase", {.deadline = absl::Now() + kTimeout, .attempts = 3},
                     [&](pg::Transaction& tx) -> absl::Status {
                       const pqxx::row row = tx.ExecOne(page, outlet, after, kRowsAtOnce);
                       const auto rows = row[1].as<std::int64_t>();
                       more = rows == kRowsAtOnce;
                       if (rows == 0) return absl::OkStatus();
                       last = pg::TextField(row[0]);
                       work(tx, after, last);
                       return absl::OkStatus();
                     }));
    after = last;
  }
  return absl::OkStatus();
}

}  // namespace

struct EraseLoop::Person {
  std::int64_t id = 0;  // 0: nobody is due
  std::string outlet_id = {};
  std::string contact_ids = {};  // array literals, as read
  std::string phones = {};
  std::string bsuids = {};
  absl::Time noted_at = {};
  absl::Time erased_at = {};
};

void NoteErasure(pg::Transaction& tx, const std::string& outlet,
                 const events::v1::ContactErased& erased, absl::Time now) {
  tx.Exec(kNote, outlet, ArrayOfTexts(erased.contact_ids()), ArrayOfTexts(erased.phones()),
          ArrayOfTexts(erased.bsuids()),
          absl::FromUnixSeconds(erased.erase_time().seconds()) +
              absl::Nanoseconds(erased.erase_time().nanos()),
          now);
}

void EraseLoop::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void EraseLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void EraseLoop::Run(std::stop_token stop) {
  do {
    absl::StatusOr<bool> more = true;
    while (!stop.stop_requested() && more.ok() && *more) more = RunOnce();
    if (more.ok()) continue;
    static log::Throttle throttle(absl::Seconds(30));
    log::Warn(throttle, "an erased person is not forgotten yet", {{"error", more.status()}});
  } while (clock_.SleepFor(kEvery, stop));
}

absl::StatusOr<bool> EraseLoop::RunOnce() {
  Person person;
  KABAR_RETURN_IF_ERROR(Take(&person));
  if (person.id == 0) return false;
  KABAR_RETURN_IF_ERROR(BlankEvents(person));
  bool settled = true;
  KABAR_RETURN_IF_ERROR(BlankAnswers(person, &settled));
  if (!settled) return true;  // the answers' loop reads them first; due again in a minute
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "FinishErasure",
                                     {.deadline = absl::Now() + kTimeout, .attempts = 3},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       tx.Exec(kDone, person.id);
                                       return absl::OkStatus();
                                     }));
  return true;
}

absl::Status EraseLoop::Take(Person* person) {
  return pg::Transact(pool_, "TakeErasure", {.deadline = absl::Now() + kTimeout, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        *person = {};
                        const absl::Time now = clock_.Now();
                        const auto row = tx.ExecMaybe(kTake, now, now + kTryAgain);
                        if (!row) return absl::OkStatus();
                        person->id = (*row)[0].as<std::int64_t>();
                        person->outlet_id = pg::TextField((*row)[1]);
                        person->contact_ids = pg::TextField((*row)[2]);
                        person->phones = pg::TextField((*row)[3]);
                        person->bsuids = pg::TextField((*row)[4]);
                        person->noted_at = pg::TimeField((*row)[5]);
                        person->erased_at = pg::TimeField((*row)[6]);
                        return absl::OkStatus();
                      });
}

// An event and its steps in one transaction: after it nothing would lead from him to them.
absl::Status EraseLoop::BlankEvents(const Person& person) {
  return ForPages(
      pool_, kEventPage, person.outlet_id,
      [&](pg::Transaction& tx, const std::string& after, const std::string& last) {
        pg::ArrayBuilder events;
        for (const pqxx::row& row : tx.Exec(kEvents, person.outlet_id, after, last,
                                            person.contact_ids, person.phones, person.erased_at)) {
          events.Add(pg::TextField(row[0]));
        }
        tx.Exec(kSteps, person.outlet_id, std::move(events).Finish(), clock_.Now());
      });
}

absl::Status EraseLoop::BlankAnswers(const Person& person, bool* settled) {
  const bool unread_too = clock_.Now() - person.noted_at >= kSettle;
  bool unread = false;
  KABAR_RETURN_IF_ERROR(ForPages(
      pool_, kAnswerPage, person.outlet_id,
      [&](pg::Transaction& tx, const std::string& after, const std::string& last) {
        tx.Exec(kAnswers, person.outlet_id, after, last, person.contact_ids, person.phones,
                person.bsuids, person.erased_at, unread_too);
        unread = unread || (!unread_too &&
                            tx.ExecOne(kUnread, person.outlet_id, after, last, person.contact_ids,
                                       person.phones, person.bsuids, person.erased_at)[0]
                                .as<bool>());
      }));
  *settled = !unread;
  return absl::OkStatus();
}

}  // namespace kabar::triggers
