// Pulls of tracking APIs as they run: their imports, their end, and the rows that they refused.
#include <algorithm>
#include <map>
#include <utility>

#include "libs/base/status.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

using Json = nlohmann::json;

// Locked, so that whoever changes the source comes before or behind, and never in between.
constexpr pg::Query kMine{"contacts.lock_pull",
                          "SELECT import_id FROM sources WHERE outlet_id = $1 AND name = $2 "
                          "AND lease = $3 FOR UPDATE"};
constexpr pg::Query kNoteImport{
    "contacts.note_pulls_import",
    "UPDATE sources SET import_id = $3 WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kInOrder{"contacts.refused_row_in_order",
                             "DELETE FROM source_refused WHERE outlet_id = $1 AND source = $2 "
                             "AND key = ANY($3::text[])"};
constexpr pg::Query kRefuse{
    "contacts.add_refused_rows",
    "INSERT INTO source_refused (outlet_id, source, key, phone, at, field, reason, message, "
    "row_values) SELECT $1, $2, r.key, r.phone, $3, r.field, r.reason, r.message, "
    "r.row_values::jsonb FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
    "$9::text[]) AS r(key, phone, field, reason, message, row_values) "
    "ON CONFLICT (outlet_id, source, key) DO UPDATE SET phone = excluded.phone, "
    "at = excluded.at, field = excluded.field, reason = excluded.reason, "
    "message = excluded.message, row_values = excluded.row_values"};
constexpr pg::Query kTrim{
    "contacts.trim_refused_rows",
    "DELETE FROM source_refused WHERE outlet_id = $1 AND source = $2 AND key IN "
    "(SELECT key FROM source_refused WHERE outlet_id = $1 AND source = $2 "
    "ORDER BY at DESC, key OFFSET $3)"};
constexpr pg::Query kRefused{
    "contacts.list_refused_rows",
    "SELECT key, phone, at, field, reason, message, row_values FROM source_refused "
    "WHERE outlet_id = $1 AND source = $2 AND ($3::timestamptz IS NULL OR at < $3::timestamptz "
    "OR (at = $3::timestamptz AND key > $4)) ORDER BY at DESC, key LIMIT $5"};
// By his phones, and by the parcels that are his: a row may have been refused for its phone.
#define KABAR_REFUSED_OF                                                                       \
  "source_refused r WHERE r.outlet_id = $1 AND (r.phone IN (SELECT i.value "                   \
  "FROM contact_identities i WHERE i.outlet_id = $1 AND i.contact_id = $2 "                    \
  "AND i.kind = 'phone') OR r.key IN (SELECT 'parcel ' || s.tracking_number FROM shipments s " \
  "WHERE s.outlet_id = $1 AND s.contact_id = $2))"
constexpr pg::Query kRefusedOf{
    "contacts.refused_rows_of",
    "SELECT r.key, r.phone, r.at, r.field, r.reason, r.message, r.row_values FROM " KABAR_REFUSED_OF
    " ORDER BY r.at DESC, r.key"};
constexpr pg::Query kForgetRefusedOf{"contacts.forget_refused_rows_of",
                                     "DELETE FROM " KABAR_REFUSED_OF};
constexpr pg::Query kKnown{"contacts.knows_source",
                           "SELECT 1 FROM sources WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kDone{
    "contacts.pull_done",
    "UPDATE sources SET leased_until = 'epoch', since = $3, last_success_at = $4, next_at = $5, "
    "failures = 0, error = '', last_rows = $6, last_refused = $7, "
    "missing_places = CASE WHEN $6::bigint = 0 THEN missing_places ELSE $8::text[] END "
    "WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kFailed{
    "contacts.pull_failed",
    "UPDATE sources SET leased_until = 'epoch', failures = failures + 1, error = $3, next_at = $4 "
    "WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kStopped{
    "contacts.pull_stopped",
    "UPDATE sources SET leased_until = 'epoch' WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kForgetRefused{
    "contacts.forget_refused_rows",
    "DELETE FROM source_refused WHERE ctid = ANY(ARRAY(SELECT ctid FROM source_refused "
    "WHERE at < $1 LIMIT $2))"};
// Those without a request id: nobody can ask for them but by their own.
constexpr pg::Query kForgetImports{
    "contacts.forget_imports",
    "DELETE FROM imports WHERE (outlet_id, id) IN (SELECT outlet_id, id FROM imports "
    "WHERE request_id = '' AND state IN ('COMPLETED', 'CANCELLED') AND updated_at < $1 LIMIT $2)"};

std::string ValuesJson(const RefusedRow& row) {
  return Json(row.values).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<RefusedRow> RefusedRowsOf(const pqxx::result& rows) {
  std::vector<RefusedRow> out;
  for (const pqxx::row& row : rows) {
    RefusedRow refused;
    refused.key = pg::TextField(row[0]);
    refused.phone = pg::TextField(row[1]);
    refused.at = pg::TimeField(row[2]);
    refused.field = pg::TextField(row[3]);
    refused.reason = pg::TextField(row[4]);
    refused.message = pg::TextField(row[5]);
    const Json values = Json::parse(pg::TextField(row[6]), nullptr, /*allow_exceptions=*/false);
    if (values.is_object()) refused.values = values.get<std::map<std::string, std::string>>();
    out.push_back(std::move(refused));
  }
  return out;
}

}  // namespace

absl::Status SourceChanged() {
  return base::Error(absl::StatusCode::kAborted, "SOURCE_CHANGED",
                     "the source was changed or deleted, or another process pulls it");
}

absl::StatusOr<ImportTurn> PgUnit::BeginPull(const DueSource& due) {
  const std::optional<pqxx::row> mine = tx_.ExecMaybe(kMine, outlet_, due.source.name, due.lease);
  if (!mine) return SourceChanged();
  EndPullsImport(pg::TextField((*mine)[0]), "the process that pulled it is gone");
  KABAR_ASSIGN_OR_RETURN(ImportTurn turn, BeginImport("", ""));
  tx_.Exec(kNoteImport, outlet_, due.source.name, turn.id);
  return turn;
}

absl::Status PgUnit::NotePulled(const DueSource& due, const PulledRows& rows) {
  const std::string& source = due.source.name;
  if (!rows.accepted.empty()) {
    tx_.Exec(kInOrder, outlet_, source, pg::TextArray(rows.accepted));
  }
  if (rows.refused.empty()) return absl::OkStatus();
  std::map<std::string, const RefusedRow*> last;  // one statement must not meet a key twice
  for (const RefusedRow& row : rows.refused) last[row.key] = &row;
  pg::ArrayBuilder keys, phones, fields, reasons, messages, values;
  for (const auto& [key, row] : last) {
    keys.Add(key);
    phones.Add(row->phone);
    fields.Add(row->field);
    reasons.Add(row->reason);
    messages.Add(row->message);
    values.Add(ValuesJson(*row));
  }
  tx_.Exec(kRefuse, outlet_, source, rows.refused.front().at, std::move(keys).Finish(),
           std::move(phones).Finish(), std::move(fields).Finish(), std::move(reasons).Finish(),
           std::move(messages).Finish(), std::move(values).Finish());
  tx_.Exec(kTrim, outlet_, source, kMaxRefused);
  return absl::OkStatus();
}

absl::Status PgUnit::EndPull(const DueSource& due, const PullEnd& end) {
  const std::string& name = due.source.name;
  const std::optional<pqxx::row> mine = tx_.ExecMaybe(kMine, outlet_, name, due.lease);
  if (!mine) return SourceChanged();
  if (const std::string last = pg::TextField((*mine)[0]); last != end.turn.id) {
    EndPullsImport(last, "the process that pulled it is gone");
  }
  const bool done = end.kind == PullEnd::Kind::kDone;
  if (!end.turn.id.empty() && done) {
    KABAR_RETURN_IF_ERROR(EndImport(end.turn, ImportState::kCompleted, "", end.rows));
  } else if (!end.turn.id.empty()) {
    EndPullsImport(end.turn.id, end.error.empty() ? "the service ended" : end.error);
  }
  switch (end.kind) {
    case PullEnd::Kind::kDone:
      tx_.Exec(kDone, outlet_, name, end.since, end.now, end.next_at, end.rows, end.refused,
               pg::TextArray(end.missing_places));
      break;
    case PullEnd::Kind::kFailed:
      tx_.Exec(kFailed, outlet_, name, end.error, end.next_at);
      break;
    case PullEnd::Kind::kStopped:
      tx_.Exec(kStopped, outlet_, name);
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RefusedRow>> PgUnit::ListRefusedRows(
    const std::string& name, const std::optional<RefusedRow>& after, int limit) {
  if (!tx_.ExecMaybe(kKnown, outlet_, name)) {
    return base::Error(absl::StatusCode::kNotFound, "SOURCE_NOT_FOUND",
                       "this outlet has no source of this name; list its sources");
  }
  std::optional<absl::Time> at;
  if (after) at = after->at;
  return RefusedRowsOf(
      tx_.Exec(kRefused, outlet_, name, at, after ? after->key : std::string(), limit));
}

absl::StatusOr<std::vector<RefusedRow>> PgUnit::ListRefusedRowsOf(const std::string& contact_id) {
  return RefusedRowsOf(tx_.Exec(kRefusedOf, outlet_, contact_id));
}

void PgUnit::ForgetRefusedRowsOf(const std::string& contact_id) {
  tx_.Exec(kForgetRefusedOf, outlet_, contact_id);
}

absl::StatusOr<int64_t> PgStore::ForgetPulls(absl::Time time, int limit, absl::Time deadline) {
  int64_t forgotten = 0;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ForgetPulls", deadline, [&](pg::Transaction& tx) {
    const auto rows = static_cast<int64_t>(tx.Exec(kForgetRefused, time, limit).affected_rows());
    const auto imports = static_cast<int64_t>(tx.Exec(kForgetImports, time, limit).affected_rows());
    forgotten = std::max(rows, imports);
    return absl::OkStatus();
  }));
  return forgotten;
}

}  // namespace kabar::contacts
