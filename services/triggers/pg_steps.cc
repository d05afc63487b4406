// Events, their steps, and the lanes of their messages.
#include <algorithm>
#include <utility>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/events/outbox.h"
#include "libs/pg/transaction.h"
#include "services/triggers/convert.h"
#include "services/triggers/pg_store.h"

namespace kabar::triggers {
namespace {

constexpr pg::Query kAutomationsOf{
    "triggers.automations_of_event",
    "SELECT id, delay_seconds FROM automations WHERE outlet_id = $1 AND event_type = $2 "
    "AND enabled AND deleted_at IS NULL ORDER BY id"};
constexpr pg::Query kInsertEvent{
    "triggers.insert_event",
    "INSERT INTO events (outlet_id, id, type, happened_at, contact_id, phone, name, "
    "variable_names, variable_values, steps, published_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[], $9::text[], $10, $11) ON CONFLICT DO NOTHING"};
constexpr pg::Query kStepsOfEvent{"triggers.steps_of_event",
                                  "SELECT steps FROM events WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kInsertSteps{
    "triggers.insert_steps",
    "INSERT INTO steps (outlet_id, id, event_id, automation_id, due_at, state, ready_at) "
    "SELECT $1, i.id, $2, i.automation_id, i.due_at, 1, i.due_at "
    "FROM unnest($3::text[], $4::text[], $5::timestamptz[]) AS i(id, automation_id, due_at)"};

constexpr pg::Query kListSteps{
    "triggers.list_steps",
    "SELECT id, event_id, automation_id, contact_id, due_at, state, reason, message_id FROM steps "
    "WHERE outlet_id = $1 AND (due_at, id) > ($2::timestamptz, $3) ORDER BY due_at, id LIMIT $4"};
constexpr pg::Query kListStepsOfEvent{
    "triggers.list_steps_of_event",
    "SELECT id, event_id, automation_id, contact_id, due_at, state, reason, message_id FROM steps "
    "WHERE outlet_id = $1 AND event_id = $5 AND (due_at, id) > ($2::timestamptz, $3) "
    "ORDER BY due_at, id LIMIT $4"};

// The columns that WorkOf reads, of steps `s`.
#define KABAR_WORK_COLUMNS                                                                     \
  "SELECT s.outlet_id, s.id, s.lease, s.tries, s.due_at, s.contact_id, s.message_id, "         \
  "e.id, e.published_at, e.contact_id, e.phone, e.name, e.variable_names, e.variable_values, " \
  "a.id, a.template_id, a.sender_id, a.enabled AND a.deleted_at IS NULL, s.reason "
#define KABAR_WORK_JOINS                                              \
  "JOIN events e ON e.outlet_id = s.outlet_id AND e.id = s.event_id " \
  "JOIN automations a ON a.outlet_id = s.outlet_id AND a.id = s.automation_id "

// Several loops, also of other processes, take different steps: what one has locked the others
// pass over, and afterwards its ready_at keeps them away until the lease is over.
constexpr pg::Query kTake{
    "triggers.take_due_steps",
    "WITH due AS MATERIALIZED ("
    "  SELECT outlet_id, id FROM steps WHERE state = 1 AND ready_at <= $1 "
    "  ORDER BY ready_at LIMIT $4 FOR UPDATE SKIP LOCKED"
    "), s AS ("
    "  UPDATE steps t SET ready_at = $2, lease = $3, tries = t.tries + 1 FROM due d "
    "  WHERE t.outlet_id = d.outlet_id AND t.id = d.id RETURNING t.*"
    ") " KABAR_WORK_COLUMNS "FROM s " KABAR_WORK_JOINS "ORDER BY s.due_at, s.id"};
constexpr pg::Query kOfMessages{"triggers.steps_of_messages", KABAR_WORK_COLUMNS
                                "FROM steps s " KABAR_WORK_JOINS
                                "WHERE s.outlet_id = $1 AND s.message_id = ANY($2::text[]) "
                                "AND s.message_id <> ''"};

// Rows are locked in the order of their ids, so that two batches never wait for each other.
#define KABAR_LOCK_LEASED                                                               \
  "l AS MATERIALIZED ("                                                                 \
  "  SELECT s.outlet_id, s.id FROM steps s JOIN i ON s.outlet_id = i.outlet_id "        \
  "  AND s.id = i.id AND s.lease = i.lease AND s.state = 1 ORDER BY s.outlet_id, s.id " \
  "  FOR UPDATE OF s) "
constexpr pg::Query kAssign{
    "triggers.assign_messages",
    "WITH i AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) "
    "AS i(outlet_id, id, lease, contact_id, message_id)), " KABAR_LOCK_LEASED
    "UPDATE steps s SET contact_id = i.contact_id, message_id = i.message_id FROM l "
    "JOIN i USING (outlet_id, id) WHERE s.outlet_id = l.outlet_id AND s.id = l.id RETURNING s.id"};
constexpr pg::Query kChange{
    "triggers.change_steps",
    "WITH i AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], "
    "$5::text[], $6::timestamptz[]) AS i(outlet_id, id, lease, state, reason, "
    "ready_at)), " KABAR_LOCK_LEASED
    "UPDATE steps s SET state = i.state, reason = i.reason, ready_at = i.ready_at, lease = '', "
    "finished_at = CASE WHEN i.state = 1 THEN NULL ELSE $7::timestamptz END "
    "FROM l JOIN i USING (outlet_id, id) WHERE s.outlet_id = l.outlet_id AND s.id = l.id"};

constexpr pg::Query kRememberLane{
    "triggers.remember_lane",
    "INSERT INTO lanes (outlet_id, sender_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"};
constexpr pg::Query kListLanes{"triggers.list_lanes",
                               "SELECT outlet_id, sender_id FROM lanes ORDER BY outlet_id, "
                               "sender_id"};

DueStep DueStepOf(const pqxx::row& row) {
  return {.id = pg::TextField(row[0]),
          .event_id = pg::TextField(row[1]),
          .automation_id = pg::TextField(row[2]),
          .contact_id = pg::TextField(row[3]),
          .due_time = pg::TimeField(row[4]),
          .state = static_cast<StepState>(row[5].as<int>()),
          .reason = pg::TextField(row[6]),
          .message_id = pg::TextField(row[7])};
}

StepWork WorkOf(const pqxx::row& row) {
  StepWork work;
  work.outlet_id = pg::TextField(row[0]);
  work.id = pg::TextField(row[1]);
  work.lease = pg::TextField(row[2]);
  work.tries = row[3].as<int>();
  work.due_time = pg::TimeField(row[4]);
  work.contact_id = pg::TextField(row[5]);
  work.message_id = pg::TextField(row[6]);
  work.event_id = pg::TextField(row[7]);
  work.published_at = pg::TimeField(row[8]);
  work.event_contact_id = pg::TextField(row[9]);
  work.phone = pg::TextField(row[10]);
  work.name = pg::TextField(row[11]);
  const std::vector<std::string> names = pg::TextArrayField(row[12]);
  const std::vector<std::string> values = pg::TextArrayField(row[13]);
  for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) {
    work.variables.push_back({names[i], values[i]});
  }
  work.automation_id = pg::TextField(row[14]);
  work.template_id = pg::TextField(row[15]);
  work.sender_id = pg::TextField(row[16]);
  work.automation_active = row[17].as<bool>();
  work.reason = pg::TextField(row[18]);
  return work;
}

// Plans a step for each automation of the event.
void InsertSteps(pg::Transaction& tx, const std::string& outlet, const std::string& event_id,
                 absl::Time from, const pqxx::result& automations) {
  pg::ArrayBuilder ids;
  pg::ArrayBuilder automation_ids;
  pg::ArrayBuilder due;
  for (const pqxx::row& row : automations) {
    const std::string automation_id = pg::TextField(row[0]);
    ids.Add(StepId(outlet, event_id, automation_id));
    automation_ids.Add(automation_id);
    due.Add(from + absl::Seconds(row[1].as<std::int64_t>()));
  }
  tx.Exec(kInsertSteps, outlet, event_id, std::move(ids).Finish(),
          std::move(automation_ids).Finish(), std::move(due).Finish());
}

// Tells of the event's order, if it is about one.
absl::Status ReportOrder(pg::Transaction& tx, const std::string& outlet, const BusinessEvent& event,
                         absl::Time now) {
  const std::string order_id = OrderOf(event);
  if (order_id.empty()) return absl::OkStatus();
  events::v1::EventBatch batch;
  events::v1::Event& report = *batch.add_events();
  report.set_outlet_id(outlet);
  Set(now, report.mutable_time());
  events::v1::OrderReported& order = *report.mutable_order_reported();
  order.set_contact_id(event.contact_id);
  order.set_phone(event.phone);
  order.set_name(event.name);
  order.set_order_id(order_id);
  order.set_open(event.type != EventType::kOrderReceived);
  order.set_amount(event.amount);
  // A time to come is for the messages: what is told, is so now.
  Set(std::min(now, event.time.value_or(now)), order.mutable_report_time());
  return events::AppendToOutbox(tx, batch);
}

}  // namespace

absl::StatusOr<Published> PgStore::Publish(const std::string& outlet, const BusinessEvent& event,
                                           absl::Time now, absl::Time deadline) {
  Published published;
  const absl::Time from = event.time.value_or(now);
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "PublishEvent", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        const pqxx::result automations =
            tx.Exec(kAutomationsOf, outlet, static_cast<int>(event.type));
        published = {.duplicate = false, .steps = static_cast<std::int32_t>(automations.size())};
        const pqxx::result inserted =
            tx.Exec(kInsertEvent, outlet, event.id, static_cast<int>(event.type), from,
                    event.contact_id, event.phone, event.name,
                    pg::ArrayOf(event.variables, [](const Variable& v) { return v.name; }),
                    pg::ArrayOf(event.variables, [](const Variable& v) { return v.value; }),
                    published.steps, now);
        if (inserted.affected_rows() == 0) {
          published = {.duplicate = true,
                       .steps = tx.ExecOne(kStepsOfEvent, outlet, event.id)[0].as<std::int32_t>()};
          return absl::OkStatus();
        }
        if (!automations.empty()) InsertSteps(tx, outlet, event.id, from, automations);
        return ReportOrder(tx, outlet, event, now);
      }));
  return published;
}

absl::StatusOr<std::vector<DueStep>> PgStore::ListSteps(const std::string& outlet,
                                                        const std::string& event_id,
                                                        const PageStart& after, int limit,
                                                        absl::Time deadline) {
  std::vector<DueStep> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListDueSteps", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        found.clear();
        const pqxx::result rows =
            event_id.empty()
                ? tx.Exec(kListSteps, outlet, after.time, after.id, limit)
                : tx.Exec(kListStepsOfEvent, outlet, after.time, after.id, limit, event_id);
        for (const pqxx::row& row : rows) found.push_back(DueStepOf(row));
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::vector<StepWork>> PgStore::TakeDueSteps(absl::Time now, absl::Time leased_until,
                                                            const std::string& lease, int limit,
                                                            absl::Time deadline) {
  std::vector<StepWork> taken;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "TakeDueSteps", {.deadline = deadline, .attempts = 3},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       taken.clear();
                                       for (const pqxx::row& row :
                                            tx.Exec(kTake, now, leased_until, lease, limit)) {
                                         taken.push_back(WorkOf(row));
                                       }
                                       return absl::OkStatus();
                                     }));
  return taken;
}

absl::StatusOr<std::vector<std::string>> PgStore::AssignMessages(
    absl::Span<const Assignment> assignments, absl::Time deadline) {
  std::vector<std::string> kept;
  if (assignments.empty()) return kept;
  const auto column = [&](std::string Assignment::*member) {
    return pg::ArrayOf(assignments, [&](const Assignment& a) { return a.*member; });
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "AssignMessages", {.deadline = deadline, .attempts = 3},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       kept.clear();
                                       const pqxx::result rows = tx.Exec(
                                           kAssign, column(&Assignment::outlet_id),
                                           column(&Assignment::step_id), column(&Assignment::lease),
                                           column(&Assignment::contact_id),
                                           column(&Assignment::message_id));
                                       for (const pqxx::row& row : rows)
                                         kept.push_back(pg::TextField(row[0]));
                                       return absl::OkStatus();
                                     }));
  return kept;
}

absl::StatusOr<std::int64_t> PgStore::ChangeSteps(absl::Span<const StepChange> changes,
                                                  absl::Time now, absl::Time deadline) {
  std::int64_t changed = 0;
  if (changes.empty()) return changed;
  const auto text = [&](std::string StepChange::*member) {
    return pg::ArrayOf(changes, [&](const StepChange& c) { return c.*member; });
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ChangeSteps", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        const pqxx::result rows = tx.Exec(
            kChange, text(&StepChange::outlet_id), text(&StepChange::id), text(&StepChange::lease),
            pg::ArrayOf(changes, [](const StepChange& c) { return static_cast<int>(c.state); }),
            text(&StepChange::reason),
            pg::ArrayOf(changes, [](const StepChange& c) { return c.ready_at; }), now);
        changed = static_cast<std::int64_t>(rows.affected_rows());
        return absl::OkStatus();
      }));
  return changed;
}

absl::StatusOr<std::vector<StepWork>> PgStore::StepsOfMessages(
    const std::string& outlet, absl::Span<const std::string> message_ids, absl::Time deadline) {
  std::vector<StepWork> found;
  if (message_ids.empty()) return found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "StepsOfMessages", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        found.clear();
        for (const pqxx::row& row : tx.Exec(kOfMessages, outlet, pg::TextArray(message_ids))) {
          found.push_back(WorkOf(row));
        }
        return absl::OkStatus();
      }));
  return found;
}

absl::Status PgStore::RememberLane(const Lane& lane, absl::Time deadline) {
  return pg::Transact(pool_, "RememberLane", deadline, [&](pg::Transaction& tx) -> absl::Status {
    tx.Exec(kRememberLane, lane.outlet_id, lane.sender_id);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<Lane>> PgStore::ListLanes(absl::Time deadline) {
  std::vector<Lane> lanes;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListLanes", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     lanes.clear();
                     for (const pqxx::row& row : tx.Exec(kListLanes)) {
                       lanes.push_back({pg::TextField(row[0]), pg::TextField(row[1])});
                     }
                     return absl::OkStatus();
                   }));
  return lanes;
}

}  // namespace kabar::triggers
