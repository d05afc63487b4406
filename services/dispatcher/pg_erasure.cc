#include "services/dispatcher/pg_erasure.h"

#include <optional>
#include <pqxx/result>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/pool.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/webhook_person.h"

namespace kabar::dispatcher {
namespace {

constexpr char kReason[] = "ERASED";
constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr absl::Duration kTryAgain = absl::Minutes(1);
constexpr int kPasses = 2;
constexpr int kMessagesAtOnce = 200;  // their lanes are locked meanwhile
constexpr int kLettersAtOnce = 100;   // each holds a webhook

constexpr pg::Query kNote{"dispatcher.note_erasure",
                          "INSERT INTO erasures (outlet_id, contact_ids, phones, bsuids, erased_at,"
                          " due_at) VALUES ($1, $2::text[], $3::text[], $4::text[], $5,"
                          " '-infinity')"};
// Put off at once: should this one fail, others have their turn.
constexpr pg::Query kTake{
    "dispatcher.take_erasure",
    "UPDATE erasures SET due_at = $2 WHERE id = (SELECT id FROM erasures WHERE due_at <= $1"
    "   ORDER BY due_at, id LIMIT 1)"
    " RETURNING id, outlet_id, contact_ids, phones, bsuids,"
    "   ARRAY(SELECT r::text FROM unnest(recipient_ids) r), passes, erased_at"};
constexpr pg::Query kKnow{"dispatcher.know_erased",
                          "UPDATE erasures SET recipient_ids = $2::bigint[] WHERE id = $1::bigint"};
constexpr pg::Query kSamePerson{"dispatcher.erase_same_person",
                                "SELECT r.id FROM " KABAR_SAME_PERSON("$1") " r"};
// One that was blanked on its way may be QUEUED (1) again.
constexpr pg::Query kMessages{
    "dispatcher.erase_find",
    "SELECT id FROM messages WHERE recipient_id = ANY($1::bigint[]) AND outlet_id = $2"
    " AND (phone <> '' OR bsuid <> '' OR body <> '' OR form_parameters <> '{}' OR state = 1)"
    // Not what is written to the contact that he may be again since.
    " AND (contact_id = ANY($4::text[]) OR created_at <= $5) LIMIT $3::bigint"};
// Without a text it is stale: should one of them be QUEUED again, it goes nowhere.
constexpr pg::Query kBlank{
    "dispatcher.erase_messages",
    "UPDATE messages SET phone = '', bsuid = '', body = '', form_parameters = '{}',"
    " rendered_at = NULL WHERE recipient_id = ANY($1::bigint[]) AND outlet_id = $2"
    " AND id = ANY($3::text[])"};
constexpr pg::Query kForgetLink{"dispatcher.erase_recipients",
                                "DELETE FROM recipients WHERE id = ANY($1::bigint[])"};
constexpr pg::Query kForgetWindows{"dispatcher.erase_windows",
                                   "DELETE FROM windows WHERE recipient_id = ANY($1::bigint[])"
                                   " AND last_inbound_at <= $2"};
constexpr pg::Query kNumbers{"dispatcher.erase_numbers",
                             "SELECT phone_number_id FROM senders WHERE outlet_id = $1"};
constexpr pg::Query kLetters{
    "dispatcher.erase_letters",
    "SELECT d.id, d.payload FROM dead_letters d WHERE d.id > $2::bigint AND (d.outlet_id = $1"
    "   OR (d.outlet_id = '' AND d.phone_number_id = ANY($3::text[])))"
    " ORDER BY d.id LIMIT $4::bigint"};
constexpr pg::Query kCutLetter{"dispatcher.cut_dead_letter",
                               "UPDATE dead_letters SET payload = $2 WHERE id = $1::bigint"};
constexpr pg::Query kDropLetter{
    "dispatcher.drop_dead_letter_erased",
    "UPDATE dead_letters SET payload = '', state = 4, handled_by = 'erasure',"
    " handled_reason = 'the person was erased', handled_at = clock_timestamp()"
    " WHERE id = $1::bigint"};
constexpr pg::Query kAgain{"dispatcher.erase_again",
                           "UPDATE erasures SET passes = passes + 1, due_at = $2"
                           " WHERE id = $1::bigint"};
constexpr pg::Query kDone{"dispatcher.erased", "DELETE FROM erasures WHERE id = $1::bigint"};

template <typename Texts>
std::string ArrayOfTexts(const Texts& texts) {
  pg::ArrayBuilder builder;
  for (const std::string& text : texts) builder.Add(text);
  return std::move(builder).Finish();
}

}  // namespace

struct Eraser::Person {
  std::int64_t id = 0;  // 0: nobody is due
  std::string outlet_id = {};
  std::vector<std::string> contact_ids = {};
  std::vector<std::string> phones = {};
  std::vector<std::string> bsuids = {};
  std::vector<std::int64_t> recipient_ids = {};
  int passes = 0;
  absl::Time erased_at = {};
};

void NoteErasure(pg::Transaction& tx, const std::string& outlet,
                 const events::v1::ContactErased& erased, absl::Time erased_at) {
  tx.Exec(kNote, outlet, ArrayOfTexts(erased.contact_ids()), ArrayOfTexts(erased.phones()),
          ArrayOfTexts(erased.bsuids()), erased_at);
}

absl::StatusOr<bool> Eraser::RunOnce() {
  Person person;
  KABAR_RETURN_IF_ERROR(Take(&person));
  if (person.id == 0) return false;
  KABAR_RETURN_IF_ERROR(BlankMessages(person));
  KABAR_RETURN_IF_ERROR(ForgetLinks(person));
  KABAR_RETURN_IF_ERROR(CutLetters(person));
  KABAR_RETURN_IF_ERROR(Finish(person));
  return true;
}

// All ids that are his are kept before the link between them goes.
absl::Status Eraser::Take(Person* person) {
  return pg::Transact(
      pool_, "TakeErasure", {.deadline = absl::Now() + kTimeout, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        *person = {};
        const absl::Time now = clock_.Now();
        const std::optional<pqxx::row> row = tx.ExecMaybe(kTake, now, now + kTryAgain);
        if (!row) return absl::OkStatus();
        person->id = (*row)[0].as<std::int64_t>();
        person->outlet_id = pg::TextField((*row)[1]);
        person->contact_ids = pg::TextArrayField((*row)[2]);
        person->phones = pg::TextArrayField((*row)[3]);
        person->bsuids = pg::TextArrayField((*row)[4]);
        person->passes = (*row)[6].as<int>();
        person->erased_at = pg::TimeField((*row)[7]);
        std::set<std::int64_t> ids;
        for (const std::string& known : pg::TextArrayField((*row)[5])) {
          std::int64_t id = 0;
          if (absl::SimpleAtoi(known, &id)) ids.insert(id);
        }
        std::vector<RecipientAddress> addresses;
        for (const std::string& phone : person->phones) addresses.push_back({.phone = phone});
        for (const std::string& bsuid : person->bsuids) addresses.push_back({.bsuid = bsuid});
        for (const auto& of_one : FindRecipientIds(tx, person->outlet_id, addresses)) {
          for (const std::int64_t id : of_one) {
            for (const pqxx::row& same : tx.Exec(kSamePerson, id)) {
              ids.insert(same[0].as<std::int64_t>());
            }
          }
        }
        person->recipient_ids.assign(ids.begin(), ids.end());
        tx.Exec(kKnow, person->id, pg::BigintArray(person->recipient_ids));
        return absl::OkStatus();
      });
}

absl::Status Eraser::BlankMessages(const Person& person) {
  const std::string ids = pg::BigintArray(person.recipient_ids);
  for (bool more = true; more;) {
    KABAR_RETURN_IF_ERROR(
        pg::Transact(pool_, "EraseMessages", {.deadline = absl::Now() + kTimeout, .attempts = 3},
                     [&](pg::Transaction& tx) -> absl::Status {
                       std::vector<std::string> messages;
                       for (const pqxx::row& row :
                            tx.Exec(kMessages, ids, person.outlet_id, kMessagesAtOnce,
                                    pg::TextArray(person.contact_ids), person.erased_at)) {
                         messages.push_back(pg::TextField(row[0]));
                       }
                       more = messages.size() == kMessagesAtOnce;
                       if (messages.empty()) return absl::OkStatus();
                       LedgerEvents events;
                       LedgerBatch ledger;
                       ledger.Load(tx, messages);
                       for (LedgerRow* row : ledger.All()) {
                         if (row->state == MessageState::kQueued) {
                           ledger.ChangeState(*row, MessageState::kSuppressed, kReason);
                         }
                       }
                       ledger.Save(tx, events);
                       tx.Exec(kBlank, ids, person.outlet_id, pg::TextArray(messages));
                       return events.Append(tx);
                     }));
  }
  return absl::OkStatus();
}

absl::Status Eraser::ForgetLinks(const Person& person) {
  return pg::Transact(pool_, "EraseLinks", {.deadline = absl::Now() + kTimeout, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        const std::string ids = pg::BigintArray(person.recipient_ids);
                        tx.Exec(kForgetLink, ids);
                        tx.Exec(kForgetWindows, ids, person.erased_at);
                        return absl::OkStatus();
                      });
}

absl::Status Eraser::CutLetters(const Person& person) {
  WebhookPerson who;
  for (const std::string& phone : person.phones) who.phones.emplace(absl::StripPrefix(phone, "+"));
  who.bsuids.insert(person.bsuids.begin(), person.bsuids.end());
  std::int64_t after = 0;
  for (bool more = true; more;) {
    KABAR_RETURN_IF_ERROR(pg::Transact(
        pool_, "EraseLetters", {.deadline = absl::Now() + kTimeout, .attempts = 3},
        [&](pg::Transaction& tx) -> absl::Status {
          who.phone_number_ids.clear();
          for (const pqxx::row& row : tx.Exec(kNumbers, person.outlet_id)) {
            who.phone_number_ids.insert(pg::TextField(row[0]));
          }
          std::int64_t last = after;
          const pqxx::result letters = tx.Exec(kLetters, person.outlet_id, after,
                                               ArrayOfTexts(who.phone_number_ids), kLettersAtOnce);
          for (const pqxx::row& row : letters) {
            last = row[0].as<std::int64_t>();
            const auto left = WithoutPerson(pg::BytesField(row[1]), who);
            if (!left) continue;
            if (left->empty()) {
              tx.Exec(kDropLetter, last);
            } else {
              tx.Exec(kCutLetter, last, pg::Bytes(*left));
            }
          }
          more = letters.size() == kLettersAtOnce;
          if (more) after = last;
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::Status Eraser::Finish(const Person& person) {
  return pg::Transact(
      pool_, "FinishErasure", {.deadline = absl::Now() + kTimeout, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        if (person.passes + 1 < kPasses) {
          tx.Exec(kAgain, person.id, clock_.Now() + kSecondPass);
        } else {
          tx.Exec(kDone, person.id);
        }
        LedgerEvents events;
        events::v1::ContactErased& told = *events.Erased(person.outlet_id);
        for (const std::string& id : person.contact_ids) told.add_contact_ids(id);
        const std::int64_t micros = absl::ToUnixMicros(person.erased_at);
        told.mutable_erase_time()->set_seconds(micros / 1'000'000);
        told.mutable_erase_time()->set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
        // By his addresses once: what comes by them later may be of the contact
        // that he is again.
        if (person.passes == 0) {
          for (const std::string& phone : person.phones) told.add_phones(phone);
          for (const std::string& bsuid : person.bsuids) told.add_bsuids(bsuid);
        }
        return events.Append(tx);
      });
}

}  // namespace kabar::dispatcher
