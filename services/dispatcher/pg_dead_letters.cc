// What came in and belongs to nothing, until a person has it applied again or drops it.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

using State = DeadLetter::State;

#define KABAR_LETTER_COLUMNS                                                                \
  "d.id, d.kind, d.reason, d.payload, d.created_at, d.phone_number_id, d.state, d.retries," \
  " d.handled_by, d.handled_reason, d.handled_at"
// An outlet's, also when its sender was made after the letter came; '' : nobody's.
#define KABAR_LETTER_IS_OF                                                          \
  "(d.outlet_id = $1 OR (d.outlet_id = '' AND d.phone_number_id <> '' AND EXISTS (" \
  "SELECT 1 FROM senders s WHERE s.outlet_id = $1 AND s.phone_number_id = d.phone_number_id)))"

constexpr pg::Query kList{
    "dispatcher.list_dead_letters",
    "SELECT " KABAR_LETTER_COLUMNS " FROM dead_letters d WHERE " KABAR_LETTER_IS_OF
    " AND ($2 = '' OR d.kind = $2) AND CASE WHEN $3::smallint = 0 THEN d.state IN (1, 2)"
    " ELSE d.state = $3::smallint END AND d.id > $4::bigint ORDER BY d.id LIMIT $5::bigint"};
constexpr pg::Query kGet{"dispatcher.get_dead_letter",
                         "SELECT " KABAR_LETTER_COLUMNS
                         " FROM dead_letters d WHERE " KABAR_LETTER_IS_OF " AND d.id = $2::bigint"};
constexpr pg::Query kLock{"dispatcher.lock_dead_letter",
                          "SELECT " KABAR_LETTER_COLUMNS
                          " FROM dead_letters d WHERE " KABAR_LETTER_IS_OF
                          " AND d.id = $2::bigint FOR UPDATE OF d"};
constexpr pg::Query kAppendAgain{
    "dispatcher.append_dead_letter",
    "INSERT INTO webhook_journal (received_at, bodies, size, dead_letter_id)"
    " SELECT clock_timestamp(), ARRAY[payload], 1, id FROM dead_letters WHERE id = $1::bigint"};
constexpr pg::Query kRetry{
    "dispatcher.retry_dead_letter",
    "UPDATE dead_letters SET state = 2, retries = retries + 1, handled_by = $2,"
    " handled_reason = $3, handled_at = clock_timestamp() WHERE id = $1::bigint"};
constexpr pg::Query kDrop{"dispatcher.drop_dead_letter",
                          "UPDATE dead_letters SET state = 4, handled_by = $2, handled_reason = $3,"
                          " handled_at = clock_timestamp() WHERE id = $1::bigint"};

DeadLetter ReadLetter(const pqxx::row& row) {
  return {.id = row[0].as<std::int64_t>(),
          .kind = pg::TextField(row[1]),
          .reason = pg::TextField(row[2]),
          .payload = pg::BytesField(row[3]),
          .time = pg::TimeField(row[4]),
          .phone_number_id = pg::TextField(row[5]),
          .state = static_cast<State>(row[6].as<int>()),
          .retries = row[7].as<std::int32_t>(),
          .handled_by = pg::TextField(row[8]),
          .handled_reason = pg::TextField(row[9]),
          .handled_time = pg::OptTimeField(row[10])};
}

absl::Status NoSuchLetter(std::int64_t id) {
  return base::Error(
      absl::StatusCode::kNotFound, "DEAD_LETTER_NOT_FOUND",
      absl::StrCat("there is no dead letter ", id, "; ListDeadLetters shows those of the outlet"));
}

absl::Status WrongState(const DeadLetter& letter, absl::string_view verb) {
  return base::Error(
      absl::StatusCode::kFailedPrecondition, absl::StrCat("DEAD_LETTER_", Name(letter.state)),
      absl::StrCat("dead letter ", letter.id, " is ", Name(letter.state), " and cannot be ", verb));
}

// Both verbs: the letter locked, `work` once a request, the letter as it is then.
template <typename Work>
absl::StatusOr<DeadLetter> Handle(pg::Pool& pool, const char* name, const std::string& outlet,
                                  std::int64_t id, const std::string& reason,
                                  const RequestKey& request, absl::Time deadline, Work work) {
  DeadLetter letter;
  const absl::Status status = pg::Transact(
      pool, name, {.deadline = deadline, .attempts = 3}, [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        const auto row = tx.ExecMaybe(kLock, outlet, id);
        if (!row) return NoSuchLetter(id);
        letter = ReadLetter(*row);
        if (answered) return absl::OkStatus();
        const State before = letter.state;
        KABAR_RETURN_IF_ERROR(work(tx, letter));
        letter = ReadLetter(tx.ExecOne(kGet, outlet, id));
        if (letter.state != before) {
          audit::Append(tx, request.by,
                        {.outlet = outlet,
                         .action = name,
                         .target = absl::StrCat("dead-letter/", id),
                         .reason = reason,
                         .before = {{"state", std::string(Name(before))}, {"kind", letter.kind}},
                         .after = {{"state", std::string(Name(letter.state))}}});
        }
        SaveAnswer(tx, outlet, request.request_id, absl::StrCat(id));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return letter;
}

}  // namespace

absl::string_view Name(DeadLetter::State state) {
  switch (state) {
    case State::kOpen:
      return "OPEN";
    case State::kRetrying:
      return "RETRYING";
    case State::kApplied:
      return "APPLIED";
    case State::kDropped:
      return "DROPPED";
  }
  return "";
}

absl::StatusOr<std::vector<DeadLetter>> PgStore::ListDeadLetters(const std::string& outlet,
                                                                 const DeadLetterFilter& filter,
                                                                 std::int64_t after, int limit,
                                                                 absl::Time deadline) {
  std::vector<DeadLetter> letters;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListDeadLetters", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        letters.clear();
        const int state = filter.state ? static_cast<int>(*filter.state) : 0;
        for (const pqxx::row& row : tx.Exec(kList, outlet, filter.kind, state, after, limit)) {
          letters.push_back(ReadLetter(row));
        }
        return absl::OkStatus();
      }));
  return letters;
}

absl::StatusOr<DeadLetter> PgStore::GetDeadLetter(const std::string& outlet, std::int64_t id,
                                                  absl::Time deadline) {
  DeadLetter letter;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetDeadLetter",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       const auto row = tx.ExecMaybe(kGet, outlet, id);
                                       if (!row) return NoSuchLetter(id);
                                       letter = ReadLetter(*row);
                                       return absl::OkStatus();
                                     }));
  return letter;
}

absl::StatusOr<DeadLetter> PgStore::RetryDeadLetter(const std::string& outlet, std::int64_t id,
                                                    const std::string& reason,
                                                    const RequestKey& request,
                                                    absl::Time deadline) {
  return Handle(pool_, "RetryDeadLetter", outlet, id, reason, request, deadline,
                [&](pg::Transaction& tx, const DeadLetter& letter) -> absl::Status {
                  if (letter.state == State::kRetrying) return absl::OkStatus();  // on its way
                  if (letter.state != State::kOpen) return WrongState(letter, "retried");
                  tx.Exec(kAppendAgain, id);
                  tx.Exec(kRetry, id, request.by.key_name, reason);
                  tx.NotifyAfterCommit(kWebhookChannel);
                  return absl::OkStatus();
                });
}

absl::StatusOr<DeadLetter> PgStore::DropDeadLetter(const std::string& outlet, std::int64_t id,
                                                   const std::string& reason,
                                                   const RequestKey& request, absl::Time deadline) {
  return Handle(pool_, "DropDeadLetter", outlet, id, reason, request, deadline,
                [&](pg::Transaction& tx, const DeadLetter& letter) -> absl::Status {
                  if (letter.state == State::kDropped) return absl::OkStatus();
                  if (letter.state != State::kOpen) return WrongState(letter, "dropped");
                  tx.Exec(kDrop, id, request.by.key_name, reason);
                  return absl::OkStatus();
                });
}

}  // namespace kabar::dispatcher
