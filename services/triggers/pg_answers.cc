// Customers' answers, out of the dispatcher's events.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/events/outbox.h"
#include "libs/pg/transaction.h"
#include "services/triggers/convert.h"
#include "services/triggers/pg_erasure.h"
#include "services/triggers/pg_rows.h"
#include "services/triggers/pg_store.h"

namespace kabar::triggers {
namespace {

constexpr std::size_t kMaxTextCharacters = 4096;  // what WhatsApp lets a customer write

constexpr pg::Query kInsertPending{
    "triggers.insert_pending_answers",
    "INSERT INTO answers (outlet_id, inbound_id, sender_id, phone, bsuid, kind, body, payload, "
    "received_at, message_id, run_id, contact_id, stored_at, ready_at) "
    "SELECT i.*, $13::timestamptz, $13::timestamptz FROM unnest($1::text[], $2::text[], "
    "$3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], "
    "$10::text[], $11::text[], $12::text[]) AS i ON CONFLICT DO NOTHING"};

constexpr pg::Query kTakePending{
    "triggers.take_pending_answers",
    "WITH due AS MATERIALIZED ("
    "  SELECT outlet_id, inbound_id FROM answers WHERE recorded_at IS NULL AND ready_at <= $1 "
    "  ORDER BY ready_at LIMIT $3 FOR UPDATE SKIP LOCKED) "
    "UPDATE answers a SET ready_at = $2 FROM due d "
    "WHERE a.outlet_id = d.outlet_id AND a.inbound_id = d.inbound_id "
    "RETURNING a.outlet_id, a.inbound_id, a.sender_id, a.phone, a.bsuid, a.kind, a.body, "
    "a.payload, a.received_at, a.message_id, a.run_id, a.contact_id"};
// Only what is not recorded yet; whoever comes second finds nothing to do.
constexpr pg::Query kRecord{
    "triggers.record_answers",
    "WITH i AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
    "$6::smallint[]) AS i(outlet_id, inbound_id, message_id, run_id, contact_id, answer)), "
    "l AS MATERIALIZED (SELECT a.outlet_id, a.inbound_id FROM answers a "
    "  JOIN i USING (outlet_id, inbound_id) WHERE a.recorded_at IS NULL "
    "  ORDER BY a.outlet_id, a.inbound_id FOR UPDATE OF a) "
    "UPDATE answers a SET message_id = i.message_id, run_id = i.run_id, "
    "contact_id = i.contact_id, answer = i.answer, recorded_at = $7 "
    "FROM l JOIN i USING (outlet_id, inbound_id) "
    "WHERE a.outlet_id = l.outlet_id AND a.inbound_id = l.inbound_id "
    "RETURNING a.outlet_id, a.inbound_id, a.message_id, a.run_id, a.contact_id, a.answer"};
constexpr pg::Query kPostpone{
    "triggers.postpone_answers",
    "UPDATE answers a SET ready_at = $3 FROM (SELECT b.outlet_id, b.inbound_id FROM answers b "
    "JOIN unnest($1::text[], $2::text[]) AS i(outlet_id, inbound_id) "
    "USING (outlet_id, inbound_id) WHERE b.recorded_at IS NULL "
    "ORDER BY b.outlet_id, b.inbound_id FOR UPDATE OF b) l "
    "WHERE a.outlet_id = l.outlet_id AND a.inbound_id = l.inbound_id"};

#define KABAR_ANSWER_COLUMNS                                       \
  "SELECT " KABAR_ANSWER_FIELDS                                    \
  "FROM answers WHERE outlet_id = $1 AND recorded_at IS NOT NULL " \
  "AND (received_at, inbound_id) > ($2::timestamptz, $3) "
constexpr pg::Query kListAnswers{"triggers.list_answers",
                                 KABAR_ANSWER_COLUMNS "ORDER BY received_at, inbound_id LIMIT $4"};
constexpr pg::Query kListAnswersOfRun{"triggers.list_answers_of_run", KABAR_ANSWER_COLUMNS
                                      "AND run_id = $5 ORDER BY received_at, inbound_id LIMIT $4"};

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

// PostgreSQL holds no zero byte, and a customer may write anything: one text must not stop the
// events of all.
std::string Storable(absl::string_view text) {
  std::string kept(base::TruncateCodepoints(text, kMaxTextCharacters));
  std::erase(kept, '\0');
  return kept;
}

// The provider's context names the message; else it is the newest one, if it is not too old.
PendingAnswer ToPending(const events::v1::Event& event, absl::Duration window) {
  const events::v1::InboundReceived& inbound = event.inbound_received();
  PendingAnswer pending{.outlet_id = Storable(event.outlet_id()),
                        .inbound_id = Storable(inbound.inbound_id()),
                        .sender_id = Storable(inbound.sender_id()),
                        .phone = Storable(inbound.phone()),
                        .bsuid = Storable(inbound.bsuid()),
                        .kind = Storable(inbound.kind()),
                        .text = Storable(inbound.text()),
                        .payload = Storable(inbound.payload()),
                        .received_at = TimeOf(event.time())};
  if (!inbound.context_message_id().empty()) {
    pending.message_id = Storable(inbound.context_message_id());
    pending.run_id = Storable(inbound.context_run_id());
    pending.contact_id = Storable(inbound.context_contact_id());
  } else if (!inbound.last_message_id().empty() &&
             TimeOf(inbound.last_claim_time()) >= pending.received_at - window) {
    pending.message_id = Storable(inbound.last_message_id());
    pending.run_id = Storable(inbound.last_run_id());
    pending.contact_id = Storable(inbound.last_contact_id());
  }
  return pending;
}

void Insert(pg::Transaction& tx, const std::vector<PendingAnswer>& pending, absl::Time now) {
  if (pending.empty()) return;
  const auto column = [&](std::string PendingAnswer::*member) {
    return pg::ArrayOf(pending, [&](const PendingAnswer& p) { return p.*member; });
  };
  tx.Exec(kInsertPending, column(&PendingAnswer::outlet_id), column(&PendingAnswer::inbound_id),
          column(&PendingAnswer::sender_id), column(&PendingAnswer::phone),
          column(&PendingAnswer::bsuid), column(&PendingAnswer::kind), column(&PendingAnswer::text),
          column(&PendingAnswer::payload),
          pg::ArrayOf(pending, [](const PendingAnswer& p) { return p.received_at; }),
          column(&PendingAnswer::message_id), column(&PendingAnswer::run_id),
          column(&PendingAnswer::contact_id), now);
}

PendingAnswer PendingOf(const pqxx::row& row) {
  return {.outlet_id = pg::TextField(row[0]),
          .inbound_id = pg::TextField(row[1]),
          .sender_id = pg::TextField(row[2]),
          .phone = pg::TextField(row[3]),
          .bsuid = pg::TextField(row[4]),
          .kind = pg::TextField(row[5]),
          .text = pg::TextField(row[6]),
          .payload = pg::TextField(row[7]),
          .received_at = pg::TimeField(row[8]),
          .message_id = pg::TextField(row[9]),
          .run_id = pg::TextField(row[10]),
          .contact_id = pg::TextField(row[11])};
}

void AddEvent(const pqxx::row& row, absl::Time now, events::v1::EventBatch* batch) {
  events::v1::Event* event = batch->add_events();
  event->set_outlet_id(pg::TextField(row[0]));
  Set(now, event->mutable_time());
  events::v1::AnswerRecorded* recorded = event->mutable_answer_recorded();
  recorded->set_inbound_id(pg::TextField(row[1]));
  recorded->set_message_id(pg::TextField(row[2]));
  recorded->set_run_id(pg::TextField(row[3]));
  recorded->set_contact_id(pg::TextField(row[4]));
  recorded->set_answer(static_cast<events::v1::AnswerRecorded::Answer>(row[5].as<int>()));
}

}  // namespace

std::unique_ptr<events::Sink> PgStore::MakeDispatcherSink(base::Clock& clock,
                                                          absl::Duration answer_window) {
  return events::MakePgSink(
      pool_, "dispatcher",
      [&clock, answer_window](
          pg::Transaction& tx,
          absl::Span<const events::v1::NumberedBatch* const> batches) -> absl::Status {
        std::vector<PendingAnswer> pending;
        for (const auto* batch : batches) {
          for (const auto& event : batch->batch().events()) {
            if (event.has_contact_erased()) {
              NoteErasure(tx, event.outlet_id(), event.contact_erased(), clock.Now());
            }
            if (!event.has_inbound_received()) continue;
            const events::v1::InboundReceived& inbound = event.inbound_received();
            if (!IsAnswer(inbound.kind(), inbound.text())) continue;
            pending.push_back(ToPending(event, answer_window));
          }
        }
        Insert(tx, pending, clock.Now());
        return absl::OkStatus();
      });
}

absl::StatusOr<std::vector<PendingAnswer>> PgStore::TakePendingAnswers(absl::Time now,
                                                                       absl::Time leased_until,
                                                                       int limit,
                                                                       absl::Time deadline) {
  std::vector<PendingAnswer> taken;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "TakePendingAnswers", {.deadline = deadline, .attempts = 3},
                   [&](pg::Transaction& tx) -> absl::Status {
                     taken.clear();
                     for (const pqxx::row& row : tx.Exec(kTakePending, now, leased_until, limit)) {
                       taken.push_back(PendingOf(row));
                     }
                     return absl::OkStatus();
                   }));
  return taken;
}

absl::StatusOr<std::int64_t> PgStore::RecordAnswers(absl::Span<const CustomerAnswer> answers,
                                                    absl::Time now, absl::Time deadline) {
  std::int64_t recorded = 0;
  if (answers.empty()) return recorded;
  const auto column = [&](std::string CustomerAnswer::*member) {
    return pg::ArrayOf(answers, [&](const CustomerAnswer& a) { return a.*member; });
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "RecordAnswers", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        const pqxx::result rows =
            tx.Exec(kRecord, column(&CustomerAnswer::outlet_id),
                    column(&CustomerAnswer::inbound_id), column(&CustomerAnswer::message_id),
                    column(&CustomerAnswer::run_id), column(&CustomerAnswer::contact_id),
                    pg::ArrayOf(answers,
                                [](const CustomerAnswer& a) { return static_cast<int>(a.answer); }),
                    now);
        recorded = static_cast<std::int64_t>(rows.size());
        events::v1::EventBatch batch;
        for (const pqxx::row& row : rows) AddEvent(row, now, &batch);
        return events::AppendToOutbox(tx, batch);
      }));
  return recorded;
}

absl::Status PgStore::PostponeAnswers(absl::Span<const PendingAnswer> answers, absl::Time ready_at,
                                      absl::Time deadline) {
  if (answers.empty()) return absl::OkStatus();
  return pg::Transact(
      pool_, "PostponeAnswers", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        tx.Exec(kPostpone, pg::ArrayOf(answers, [](const PendingAnswer& a) { return a.outlet_id; }),
                pg::ArrayOf(answers, [](const PendingAnswer& a) { return a.inbound_id; }),
                ready_at);
        return absl::OkStatus();
      });
}

absl::StatusOr<std::vector<CustomerAnswer>> PgStore::ListAnswers(const std::string& outlet,
                                                                 const std::string& run_id,
                                                                 const PageStart& after, int limit,
                                                                 absl::Time deadline) {
  std::vector<CustomerAnswer> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListAnswers", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        found.clear();
        const pqxx::result rows =
            run_id.empty()
                ? tx.Exec(kListAnswers, outlet, after.time, after.id, limit)
                : tx.Exec(kListAnswersOfRun, outlet, after.time, after.id, limit, run_id);
        for (const pqxx::row& row : rows) {
          found.push_back(AnswerOf(outlet, row));
        }
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace kabar::triggers
