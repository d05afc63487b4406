// Work on the database. Only a service's pg_store.cc includes this (it brings libpqxx).
//
//   absl::Status PgStore::Rename(const std::string& id, const std::string& name, absl::Time by) {
//     return pg::Transact(pool_, "RenameContact", by, [&](pg::Transaction& tx) -> absl::Status {
//       pqxx::result rows = tx.Exec(kRename, id, name);
//       if (rows.affected_rows() == 0) return absl::NotFoundError(...);
//       return absl::OkStatus();
//     });
//   }
//
// Commits when the function returns OK, else rolls back. Inside the function, and only there,
// statements throw what libpqxx throws; Transact turns every exception into a Status (status.h), so
// none leaves it. The function may run several times (TransactOptions::attempts), so it sets its
// outputs anew each time.
//
// Thread safety: a Transaction belongs to the thread of its function. Blocks: until the deadline
// (statement_timeout is what was left of it at the start; it is checked before each statement), or
// a second more when the server itself hangs: then the connection is cut. Errors: status.h, those
// of Pool, and the function's own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <pqxx/except>
#include <pqxx/result>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/pg/arrays.h"
#include "libs/pg/pool.h"
#include "libs/pg/query.h"
#include "libs/pg/status.h"

namespace kabar::pg {

enum class Isolation { kReadCommitted, kRepeatableRead, kSerializable };

struct TransactOptions {
  absl::Time deadline = absl::InfiniteFuture();  // infinite: PoolOptions::default_timeout from now
  int attempts = 1;  // more: ABORTED by PostgreSQL runs the function again, with short pauses
  Isolation isolation = Isolation::kReadCommitted;
  bool read_only = false;
};

class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Prepared once per connection under the query's name.
  template <typename... Args>
  pqxx::result Exec(const Query& query, Args&&... args) {
    return ExecPrepared(query, {Param(std::forward<Args>(args))...});
  }
  // At most one row; nullopt without. More than one is INTERNAL.
  template <typename... Args>
  std::optional<pqxx::row> ExecMaybe(const Query& query, Args&&... args) {
    return MaybeRow(query, ExecPrepared(query, {Param(std::forward<Args>(args))...}));
  }
  // Exactly one row; anything else is INTERNAL.
  template <typename... Args>
  pqxx::row ExecOne(const Query& query, Args&&... args) {
    return OneRow(query, ExecPrepared(query, {Param(std::forward<Args>(args))...}));
  }
  // SQL made at run time (a compiled filter), planned each time. Values go into `params`, never
  // into `sql`. `name` as in Query.
  pqxx::result ExecDynamic(const char* name, const std::string& sql,
                           absl::Span<const Param> params);
  // Several statements without parameters (CREATE TEMP TABLE ...).
  pqxx::result ExecScript(const char* name, const std::string& sql);

  // COPY ... FROM STDIN: the quick way for many rows, into a temporary table (COPY knows no ON
  // CONFLICT). `fill` calls the row function once per row, row({id, name}), with one Param per
  // column. Rows copied. `table` and `columns` are constants of the code, not input.
  using RowSink = absl::FunctionRef<void(const std::vector<Param>&)>;
  int64_t CopyIn(const char* name, absl::string_view table,
                 std::initializer_list<absl::string_view> columns,
                 absl::FunctionRef<void(RowSink)> fill);

  // Runs `body` under a savepoint: when it returns an error or throws, its statements are undone
  // and the transaction goes on. What it threw comes back as a Status.
  absl::Status Savepoint(absl::FunctionRef<absl::Status()> body);

  // After a successful COMMIT the channel is notified (best effort, outside of the transaction:
  // NOTIFY inside would make committers queue up on one lock).
  void NotifyAfterCommit(absl::string_view channel);

  const std::string& schema() const;
  absl::Time deadline() const;

 private:
  friend absl::Status Transact(Pool&, absl::string_view, const TransactOptions&,
                               absl::FunctionRef<absl::Status(Transaction&)>);
  struct State;
  explicit Transaction(State* state) : state_(state) {}

  static absl::Status TryOnce(Pool& pool, absl::string_view name, const TransactOptions& options,
                              absl::FunctionRef<absl::Status(Transaction&)> body);
  absl::Status RunBody(absl::FunctionRef<absl::Status(Transaction&)> body);

  pqxx::result ExecPrepared(const Query& query, std::initializer_list<Param> params);
  static std::optional<pqxx::row> MaybeRow(const Query& query, const pqxx::result& rows);
  static pqxx::row OneRow(const Query& query, const pqxx::result& rows);

  State* state_;
};

// `name`: of the operation, for messages and metrics ("RenameContact").
absl::Status Transact(Pool& pool, absl::string_view name, const TransactOptions& options,
                      absl::FunctionRef<absl::Status(Transaction&)> body);
inline absl::Status Transact(Pool& pool, absl::string_view name, absl::Time deadline,
                             absl::FunctionRef<absl::Status(Transaction&)> body) {
  return Transact(pool, name, TransactOptions{.deadline = deadline}, body);
}

// Fields of a row. They throw pqxx::conversion_error (INTERNAL) for NULL or another form; the Opt
// forms take NULL. Text, integers, bool, double: field.c_str(), field.as<int64_t>() and so on.
absl::Time TimeField(const pqxx::field& field);
std::optional<absl::Time> OptTimeField(const pqxx::field& field);
std::string BytesField(const pqxx::field& field);
std::string TextField(const pqxx::field& field);
std::optional<std::string> OptTextField(const pqxx::field& field);
std::optional<int64_t> OptIntField(const pqxx::field& field);
std::vector<std::string> TextArrayField(const pqxx::field& field);  // NULL elements throw
std::vector<int64_t> BigintArrayField(const pqxx::field& field);

}  // namespace kabar::pg
