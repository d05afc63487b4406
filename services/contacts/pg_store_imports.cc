// Imports as they run; pg_store_import.cc writes their rows.
#include <utility>

#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

#define KABAR_IMPORT_COLUMNS                                                               \
  "id, request_id, state, rows, accepted, refused, contacts_created, contacts_updated, "   \
  "shipments_created, shipments_updated, digest, error, created_at, updated_at, options, " \
  "holder "

constexpr pg::Query kInsert{
    "contacts.insert_import",
    "INSERT INTO imports (outlet_id, id, request_id, options, state) "
    "VALUES ($1, $2, $3, $4, 'RUNNING') "
    "ON CONFLICT (outlet_id, request_id) WHERE request_id <> '' DO NOTHING"};
constexpr pg::Query kLock{"contacts.lock_import", "SELECT " KABAR_IMPORT_COLUMNS
                                                  "FROM imports WHERE outlet_id = $1 "
                                                  "AND request_id = $2 AND request_id <> '' "
                                                  "FOR UPDATE"};
constexpr pg::Query kTakeUp{"contacts.take_up_import",
                            "UPDATE imports SET state = 'RUNNING', error = '', "
                            "holder = holder + 1, updated_at = now() "
                            "WHERE outlet_id = $1 AND id = $2 RETURNING holder"};
constexpr pg::Query kRefused{"contacts.import_refused",
                             "SELECT rows, columns, reasons, messages, csv, csv_truncated "
                             "FROM import_refused WHERE outlet_id = $1 AND import_id = $2 "
                             "ORDER BY until"};
// Whoever holds it no more changes nothing, nor does a chunk whose rows do not come next; why,
// WhyNotMine tells.
constexpr pg::Query kNote{
    "contacts.note_chunk",
    "UPDATE imports SET rows = $4, accepted = $5, refused = $6, "
    "contacts_created = contacts_created + $7, contacts_updated = contacts_updated + $8, "
    "shipments_created = shipments_created + $9, shipments_updated = shipments_updated + $10, "
    "digest = $11, updated_at = now() "
    "WHERE outlet_id = $1 AND id = $2 AND holder = $3 AND state = 'RUNNING' AND rows = $12"};
constexpr pg::Query kInsertRefused{
    "contacts.insert_import_refused",
    "INSERT INTO import_refused (outlet_id, import_id, until, rows, columns, reasons, messages, "
    "csv, csv_truncated) VALUES ($1, $2, $3, $4::bigint[], $5::text[], $6::text[], $7::text[], "
    "$8, $9)"};
constexpr pg::Query kEnd{"contacts.end_import",
                         "UPDATE imports SET state = $4, error = $5, updated_at = now() "
                         "WHERE outlet_id = $1 AND id = $2 AND holder = $3 AND state = 'RUNNING' "
                         "AND ($6::bigint IS NULL OR rows = $6::bigint)"};
constexpr pg::Query kEndPulls{
    "contacts.end_pulls_import",
    "UPDATE imports SET state = 'CANCELLED', error = $3, updated_at = now() "
    "WHERE outlet_id = $1 AND id = $2 AND state = 'RUNNING'"};
constexpr pg::Query kDropRefused{
    "contacts.drop_import_refused",
    "DELETE FROM import_refused WHERE outlet_id = $1 AND import_id = $2"};
constexpr pg::Query kState{"contacts.import_state",
                           "SELECT state, holder FROM imports WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kGet{"contacts.get_import", "SELECT " KABAR_IMPORT_COLUMNS
                                                "FROM imports WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kFind{"contacts.find_import",
                          "SELECT " KABAR_IMPORT_COLUMNS
                          "FROM imports WHERE outlet_id = $1 AND request_id = $2 "
                          "AND request_id <> ''"};
constexpr pg::Query kList{"contacts.list_imports",
                          "SELECT " KABAR_IMPORT_COLUMNS
                          "FROM imports WHERE outlet_id = $1 AND ($2 = '' OR id < $2) "
                          "ORDER BY id DESC LIMIT $3"};
constexpr pg::Query kCancel{
    "contacts.cancel_import",
    "UPDATE imports SET state = 'CANCELLED', error = 'cancelled', updated_at = now() "
    "WHERE outlet_id = $1 AND id = $2 AND state IN ('RUNNING', 'STOPPED')"};

constexpr pg::Query kGiveUp{
    "contacts.give_up_imports",
    "WITH old AS (SELECT outlet_id, id FROM imports WHERE state IN ('RUNNING', 'STOPPED') "
    "AND updated_at < $1 ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED), "
    "gone AS (DELETE FROM import_refused r USING old o WHERE r.outlet_id = o.outlet_id "
    "AND r.import_id = o.id) "
    "UPDATE imports i SET state = 'CANCELLED', error = 'nobody went on with it for a day' "
    "FROM old o WHERE i.outlet_id = o.outlet_id AND i.id = o.id"};

ImportState StateOf(absl::string_view name) {
  if (name == "COMPLETED") return ImportState::kCompleted;
  if (name == "CANCELLED") return ImportState::kCancelled;
  return name == "STOPPED" ? ImportState::kStopped : ImportState::kRunning;
}

const char* NameOf(ImportState state) {
  switch (state) {
    case ImportState::kRunning:
      return "RUNNING";
    case ImportState::kStopped:
      return "STOPPED";
    case ImportState::kCompleted:
      return "COMPLETED";
    case ImportState::kCancelled:
      break;
  }
  return "CANCELLED";
}

ImportRecord RecordOf(const pqxx::row& row) {
  ImportRecord out;
  out.id = pg::TextField(row[0]);
  out.request_id = pg::TextField(row[1]);
  out.state = StateOf(pg::TextField(row[2]));
  out.progress.rows = row[3].as<int64_t>();
  out.progress.accepted = row[4].as<int64_t>();
  out.progress.refused = row[5].as<int64_t>();
  out.progress.counts = {row[6].as<int64_t>(), row[7].as<int64_t>(), row[8].as<int64_t>(),
                         row[9].as<int64_t>()};
  out.progress.digest = pg::BytesField(row[10]);
  out.error = pg::TextField(row[11]);
  out.created_at = pg::TimeField(row[12]);
  out.updated_at = pg::TimeField(row[13]);
  return out;
}

absl::Status Over(ImportState state) {
  const bool cancelled = state == ImportState::kCancelled;
  return base::Error(
      absl::StatusCode::kFailedPrecondition, cancelled ? "IMPORT_CANCELLED" : "IMPORT_COMPLETED",
      cancelled ? "this import was cancelled; import the file under another request id"
                : "this import is complete; import a file under a request id of its own");
}

absl::Status ImportNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "IMPORT_NOT_FOUND",
                     "this outlet has no such import; list its imports to see which there are");
}

RefusedRows RefusedOf(const pqxx::result& chunks) {
  RefusedRows out;
  for (const pqxx::row& row : chunks) {
    const std::vector<int64_t> rows = pg::BigintArrayField(row[0]);
    const std::vector<std::string> columns = pg::TextArrayField(row[1]);
    const std::vector<std::string> reasons = pg::TextArrayField(row[2]);
    const std::vector<std::string> messages = pg::TextArrayField(row[3]);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out.problems.push_back({rows[i], columns.at(i), reasons.at(i), messages.at(i)});
    }
    out.csv += pg::BytesField(row[4]);
    out.csv_truncated = out.csv_truncated || row[5].as<bool>();
  }
  return out;
}

}  // namespace

absl::StatusOr<ImportTurn> PgUnit::BeginImport(const std::string& request_id,
                                               const std::string& options) {
  const std::string id = base::NewOrderedId("imp");
  if (tx_.Exec(kInsert, outlet_, id, request_id, pg::Bytes(options)).affected_rows() == 1) {
    return ImportTurn{.id = id, .holder = 1};
  }
  const pqxx::row row = tx_.ExecOne(kLock, outlet_, request_id);
  const ImportRecord known = RecordOf(row);
  if (known.state == ImportState::kCompleted || known.state == ImportState::kCancelled) {
    return Over(known.state);
  }
  if (pg::BytesField(row[14]) != options) {
    return base::Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                       "the request id began an import with other options; take those, or a new "
                       "request id");
  }
  ImportTurn turn{.id = known.id};
  turn.holder = tx_.ExecOne(kTakeUp, outlet_, known.id)[0].as<int64_t>();
  turn.done = {known.progress, RefusedOf(tx_.Exec(kRefused, outlet_, known.id))};
  return turn;
}

absl::Status PgUnit::WhyNotMine(const ImportTurn& turn) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kState, outlet_, turn.id);
  const ImportState state = row ? StateOf(pg::TextField((*row)[0])) : ImportState::kCancelled;
  if (row && state == ImportState::kCancelled) {
    return base::Error(absl::StatusCode::kCancelled, "IMPORT_CANCELLED",
                       "the import was cancelled; rows taken before stay");
  }
  if (state == ImportState::kRunning && (*row)[1].as<int64_t>() == turn.holder) {
    return base::Error(absl::StatusCode::kAborted, "IMPORT_CHUNK_EARLY",
                       "the rows before these have not been written");
  }
  return base::Error(absl::StatusCode::kAborted, "IMPORT_TAKEN_OVER",
                     "another stream with the same request id goes on with this import");
}

absl::Status PgUnit::NoteChunk(const ImportTurn& turn, const FileChunk& chunk,
                               const ChunkCounts& counts) {
  const pqxx::result noted =
      tx_.Exec(kNote, outlet_, turn.id, turn.holder, chunk.until.rows, chunk.until.accepted,
               chunk.until.refused, counts.contacts_created, counts.contacts_updated,
               counts.shipments_created, counts.shipments_updated, pg::Bytes(chunk.until.digest),
               chunk.behind);
  if (noted.affected_rows() != 1) return WhyNotMine(turn);
  const RefusedRows& refused = chunk.refused;
  if (refused.problems.empty() && refused.csv.empty() && !refused.csv_truncated) {
    return absl::OkStatus();
  }
  pg::ArrayBuilder rows, columns, reasons, messages;
  for (const RowProblem& problem : refused.problems) {
    rows.Add(problem.row);
    columns.Add(problem.column);
    reasons.Add(problem.reason);
    messages.Add(problem.message);
  }
  tx_.Exec(kInsertRefused, outlet_, turn.id, chunk.until.rows, std::move(rows).Finish(),
           std::move(columns).Finish(), std::move(reasons).Finish(), std::move(messages).Finish(),
           pg::Bytes(refused.csv), refused.csv_truncated);
  return absl::OkStatus();
}

absl::Status PgUnit::EndImport(const ImportTurn& turn, ImportState state, const std::string& error,
                               std::optional<int64_t> rows) {
  const pqxx::result ended =
      tx_.Exec(kEnd, outlet_, turn.id, turn.holder, NameOf(state), error, rows);
  if (ended.affected_rows() != 1) return WhyNotMine(turn);
  // Only one that can be gone on with needs them.
  if (state != ImportState::kStopped) tx_.Exec(kDropRefused, outlet_, turn.id);
  return absl::OkStatus();
}

absl::StatusOr<ImportRecord> PgUnit::GetImport(const std::string& id,
                                               const std::string& request_id) {
  const std::optional<pqxx::row> row =
      id.empty() ? tx_.ExecMaybe(kFind, outlet_, request_id) : tx_.ExecMaybe(kGet, outlet_, id);
  if (!row) return ImportNotFound();
  return RecordOf(*row);
}

absl::StatusOr<std::vector<ImportRecord>> PgUnit::ListImports(const std::string& before_id,
                                                              int limit) {
  std::vector<ImportRecord> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, before_id, limit)) {
    out.push_back(RecordOf(row));
  }
  return out;
}

absl::StatusOr<int64_t> PgStore::GiveUpImports(absl::Time time, int limit, absl::Time deadline) {
  int64_t given_up = 0;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GiveUpImports", deadline, [&](pg::Transaction& tx) {
    given_up = static_cast<int64_t>(tx.Exec(kGiveUp, time, limit).affected_rows());
    return absl::OkStatus();
  }));
  return given_up;
}

void PgUnit::EndPullsImport(const std::string& import_id, const std::string& why) {
  if (tx_.Exec(kEndPulls, outlet_, import_id, why).affected_rows() == 0) return;
  tx_.Exec(kDropRefused, outlet_, import_id);
}

absl::Status PgUnit::CancelImport(const std::string& id) {
  if (tx_.Exec(kCancel, outlet_, id).affected_rows() == 1) {
    tx_.Exec(kDropRefused, outlet_, id);
    return absl::OkStatus();
  }
  KABAR_ASSIGN_OR_RETURN(const ImportRecord now, GetImport(id, ""));
  return now.state == ImportState::kCancelled ? absl::OkStatus() : Over(now.state);
}

}  // namespace kabar::contacts
