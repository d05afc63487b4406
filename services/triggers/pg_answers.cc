// What comes from the dispatcher's events, and customers' answers.
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/events/outbox.h"
#include "libs/pg/transaction.h"
#include "services/triggers/pg_store.h"

namespace kabar::triggers {
namespace {

constexpr std::size_t kMaxTextCharacters = 4096;  // what WhatsApp lets a customer write

// What was sent again after a failure is newer than before.
constexpr pg::Query kInsertSent{
    "triggers.insert_sent_messages",
    "INSERT INTO sent_messages AS m (outlet_id, sender_id, contact_id, message_id, run_id, "
    "sent_at) "
    "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
    "$6::timestamptz[]) "
    "ON CONFLICT (contact_id, message_id, sender_id, outlet_id) DO UPDATE SET "
    "sent_at = greatest(m.sent_at, excluded.sent_at)"};
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
    "a.payload, a.received_at, a.stored_at, a.message_id, a.run_id, a.contact_id"};
constexpr pg::Query kFindSent{
    "triggers.find_sent_messages",
    "SELECT i.n, m.message_id, m.run_id FROM unnest($1::text[], $2::text[], $3::text[], "
    "$4::timestamptz[]) WITH ORDINALITY AS i(outlet_id, sender_id, contact_id, received_at, n) "
    "CROSS JOIN LATERAL (SELECT s.message_id, s.run_id FROM sent_messages s "
    "WHERE s.outlet_id = i.outlet_id AND s.sender_id = i.sender_id "
    "AND s.contact_id = i.contact_id AND s.contact_id <> '' "
    "AND s.sent_at <= i.received_at + $5::bigint * interval '1 millisecond' "
    "AND s.sent_at >= i.received_at - $6::bigint * interval '1 millisecond' "
    "ORDER BY s.sent_at DESC, s.message_id LIMIT 1) m"};
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

#define KABAR_ANSWER_COLUMNS                                                      \
  "SELECT inbound_id, message_id, run_id, contact_id, answer, body, received_at " \
  "FROM answers WHERE outlet_id = $1 AND recorded_at IS NOT NULL "                \
  "AND (received_at, inbound_id) > ($2::timestamptz, $3) "
constexpr pg::Query kListAnswers{"triggers.list_answers",
                                 KABAR_ANSWER_COLUMNS "ORDER BY received_at, inbound_id LIMIT $4"};
constexpr pg::Query kListAnswersOfRun{"triggers.list_answers_of_run", KABAR_ANSWER_COLUMNS
                                      "AND run_id = $5 ORDER BY received_at, inbound_id LIMIT $4"};

// The news of a message may be stamped a moment after the answer to it: the outcome of a request is
// written in batches, a webhook at once.
constexpr absl::Duration kSentSlack = absl::Seconds(5);

absl::Time TimeOf(const events::v1::Event& event) {
  return absl::FromUnixSeconds(event.time().seconds()) + absl::Nanoseconds(event.time().nanos());
}

// PostgreSQL holds no zero byte, and a customer may write anything: one text must not stop the
// events of all.
std::string Storable(absl::string_view text) {
  std::string kept(base::TruncateCodepoints(text, kMaxTextCharacters));
  std::erase(kept, '\0');
  return kept;
}

// The effects of some batches, one row for each message and inbound.
class Effects {
 public:
  void Add(const events::v1::Event& event) {
    if (event.has_message_changed()) AddChanged(event);
    if (event.has_inbound_received()) AddInbound(event);
  }

  void Write(pg::Transaction& tx, absl::Time now) const {
    WriteSent(tx);
    WriteInbound(tx, now);
  }

 private:
  struct Sent {
    std::string run_id = {};
    absl::Time time = absl::InfinitePast();
  };
  using SentKey = std::tuple<std::string, std::string, std::string, std::string>;

  // Once for a message, when it is first known that it went out, and when it went out again.
  void AddChanged(const events::v1::Event& event) {
    const events::v1::MessageChanged& changed = event.message_changed();
    const bool reached = changed.to() == events::v1::DELIVERED || changed.to() == events::v1::READ;
    const bool first = changed.reached_before() == events::v1::MESSAGE_STATE_UNSPECIFIED;
    if (changed.to() != events::v1::SENT && !(reached && first)) return;
    if (changed.contact_id().empty()) return;
    sent_[{Storable(event.outlet_id()), Storable(changed.sender_id()),
           Storable(changed.contact_id()), Storable(changed.message_id())}] = {
        Storable(changed.run_id()), TimeOf(event)};
  }

  void AddInbound(const events::v1::Event& event) {
    const events::v1::InboundReceived& inbound = event.inbound_received();
    if (!IsAnswer(inbound.kind(), inbound.text())) return;
    pending_.push_back({.outlet_id = Storable(event.outlet_id()),
                        .inbound_id = Storable(inbound.inbound_id()),
                        .sender_id = Storable(inbound.sender_id()),
                        .phone = Storable(inbound.phone()),
                        .bsuid = Storable(inbound.bsuid()),
                        .kind = Storable(inbound.kind()),
                        .text = Storable(inbound.text()),
                        .payload = Storable(inbound.payload()),
                        .received_at = TimeOf(event),
                        .message_id = Storable(inbound.context_message_id()),
                        .run_id = Storable(inbound.context_run_id()),
                        .contact_id = Storable(inbound.context_contact_id())});
  }

  void WriteSent(pg::Transaction& tx) const {
    if (sent_.empty()) return;
    tx.Exec(kInsertSent, pg::ArrayOf(sent_, [](const auto& s) { return std::get<0>(s.first); }),
            pg::ArrayOf(sent_, [](const auto& s) { return std::get<1>(s.first); }),
            pg::ArrayOf(sent_, [](const auto& s) { return std::get<2>(s.first); }),
            pg::ArrayOf(sent_, [](const auto& s) { return std::get<3>(s.first); }),
            pg::ArrayOf(sent_, [](const auto& s) { return s.second.run_id; }),
            pg::ArrayOf(sent_, [](const auto& s) { return s.second.time; }));
  }

  void WriteInbound(pg::Transaction& tx, absl::Time now) const {
    if (pending_.empty()) return;
    const auto column = [&](std::string PendingAnswer::*member) {
      return pg::ArrayOf(pending_, [&](const PendingAnswer& p) { return p.*member; });
    };
    tx.Exec(kInsertPending, column(&PendingAnswer::outlet_id), column(&PendingAnswer::inbound_id),
            column(&PendingAnswer::sender_id), column(&PendingAnswer::phone),
            column(&PendingAnswer::bsuid), column(&PendingAnswer::kind),
            column(&PendingAnswer::text), column(&PendingAnswer::payload),
            pg::ArrayOf(pending_, [](const PendingAnswer& p) { return p.received_at; }),
            column(&PendingAnswer::message_id), column(&PendingAnswer::run_id),
            column(&PendingAnswer::contact_id), now);
  }

  std::map<SentKey, Sent> sent_;
  std::vector<PendingAnswer> pending_;
};

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
          .stored_at = pg::TimeField(row[9]),
          .message_id = pg::TextField(row[10]),
          .run_id = pg::TextField(row[11]),
          .contact_id = pg::TextField(row[12])};
}

void AddEvent(const pqxx::row& row, absl::Time now, events::v1::EventBatch* batch) {
  events::v1::Event* event = batch->add_events();
  event->set_outlet_id(pg::TextField(row[0]));
  const std::int64_t micros = absl::ToUnixMicros(now);
  event->mutable_time()->set_seconds(micros / 1'000'000);
  event->mutable_time()->set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
  events::v1::AnswerRecorded* recorded = event->mutable_answer_recorded();
  recorded->set_inbound_id(pg::TextField(row[1]));
  recorded->set_message_id(pg::TextField(row[2]));
  recorded->set_run_id(pg::TextField(row[3]));
  recorded->set_contact_id(pg::TextField(row[4]));
  recorded->set_answer(static_cast<events::v1::AnswerRecorded::Answer>(row[5].as<int>()));
}

}  // namespace

std::unique_ptr<events::Sink> PgStore::MakeDispatcherSink(base::Clock& clock) {
  return events::MakePgSink(
      pool_, "dispatcher",
      [&clock](pg::Transaction& tx,
               absl::Span<const events::v1::NumberedBatch* const> batches) -> absl::Status {
        Effects effects;
        for (const auto* batch : batches) {
          for (const auto& event : batch->batch().events()) effects.Add(event);
        }
        effects.Write(tx, clock.Now());
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

absl::StatusOr<std::vector<std::optional<SentMessage>>> PgStore::FindSentMessages(
    absl::Span<const AnswerKey> keys, absl::Duration window, absl::Time deadline) {
  std::vector<std::optional<SentMessage>> found(keys.size());
  if (keys.empty()) return found;
  const auto column = [&](std::string AnswerKey::*member) {
    return pg::ArrayOf(keys, [&](const AnswerKey& k) { return k.*member; });
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "FindSentMessages", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        found.assign(keys.size(), std::nullopt);
        const pqxx::result rows =
            tx.Exec(kFindSent, column(&AnswerKey::outlet_id), column(&AnswerKey::sender_id),
                    column(&AnswerKey::contact_id),
                    pg::ArrayOf(keys, [](const AnswerKey& k) { return k.received_at; }),
                    absl::ToInt64Milliseconds(kSentSlack), absl::ToInt64Milliseconds(window));
        for (const pqxx::row& row : rows) {
          found.at(row[0].as<std::size_t>() - 1) =
              SentMessage{pg::TextField(row[1]), pg::TextField(row[2])};
        }
        return absl::OkStatus();
      }));
  return found;
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
          found.push_back({.outlet_id = outlet,
                           .inbound_id = pg::TextField(row[0]),
                           .message_id = pg::TextField(row[1]),
                           .run_id = pg::TextField(row[2]),
                           .contact_id = pg::TextField(row[3]),
                           .answer = static_cast<Answer>(row[4].as<int>()),
                           .text = pg::TextField(row[5]),
                           .time = pg::TimeField(row[6])});
        }
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace kabar::triggers
