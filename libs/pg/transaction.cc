#include "libs/pg/transaction.h"

#include <algorithm>
#include <optional>
#include <pqxx/nontransaction>
#include <pqxx/prepared_statement>
#include <pqxx/tablewriter>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/pg/exceptions.h"
#include "libs/pg/session.h"
#include "libs/pg/watchdog.h"

// Lets libpqxx write a Param, in statements and in COPY.
template <>
struct pqxx::string_traits<kabar::pg::Param> {
  static constexpr const char* name() noexcept { return "Param"; }
  static constexpr bool has_null() noexcept { return true; }
  static bool is_null(const kabar::pg::Param& param) { return param.null(); }
  static const std::string& to_string(const kabar::pg::Param& param) { return param.text(); }
};

namespace kabar::pg {
namespace {

constexpr size_t kCopyChunk = 64 * 1024;
// PostgreSQL itself ends an overdue statement; one that does not even do that hangs.
constexpr absl::Duration kHangAllowance = absl::Seconds(1);

void CheckText(const Param& param) {
  // libpq would end the text at the NUL.
  if (param.text().find('\0') != std::string::npos) throw TextWithNul();
}

bool IsEscapedInCopy(char c) { return c == '\\' || c == '\n' || c == '\r' || c == '\t'; }

// COPY's text format, without the line's end.
void AppendCopyLine(const std::vector<Param>& row, std::string& line) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += '\t';
    if (row[i].null()) {
      line += "\\N";
      continue;
    }
    CheckText(row[i]);
    const absl::string_view text = row[i].text();
    for (size_t at = 0;; ++at) {
      const size_t begin = at;
      while (at < text.size() && !IsEscapedInCopy(text[at])) ++at;
      line.append(text.data() + begin, at - begin);
      if (at == text.size()) break;
      switch (text[at]) {
        case '\\':
          line += "\\\\";
          break;
        case '\n':
          line += "\\n";
          break;
        case '\r':
          line += "\\r";
          break;
        case '\t':
          line += "\\t";
          break;
      }
    }
  }
}

std::string BeginText(const TransactOptions& options, absl::Duration timeout) {
  std::string text = "BEGIN";
  if (options.isolation == Isolation::kRepeatableRead) text += " ISOLATION LEVEL REPEATABLE READ";
  if (options.isolation == Isolation::kSerializable) text += " ISOLATION LEVEL SERIALIZABLE";
  if (options.read_only) text += " READ ONLY";
  // 0 would mean: no timeout.
  absl::StrAppend(&text, "; SET LOCAL statement_timeout = ",
                  std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1, 86'400'000));
  return text;
}

}  // namespace

struct Transaction::State {
  State(Pool::Lease l, absl::string_view n, absl::Time d, const std::string& sch)
      : lease(std::move(l)), name(n), deadline(d), schema(sch) {}

  ~State() {
    if (broken()) discard = true;
    work.reset();
    if (discard) lease.Discard();
  }

  bool broken() { return !lease.session().connection().is_open(); }

  absl::Status Begin(const TransactOptions& options) {
    try {
      work.emplace(lease.session().connection());
      work->exec(BeginText(options, deadline - absl::Now()));
      return absl::OkStatus();
    } catch (...) {
      discard = true;
      return StatusOfException(absl::StrCat(name, ": begin"));
    }
  }

  // A connection lost in COMMIT, or a warning (the synchronous standby did not confirm), leaves the
  // outcome open.
  absl::Status Commit() {
    const int warnings = lease.session().warnings();
    const std::string where = absl::StrCat(name, ": commit");
    try {
      work->exec("COMMIT");
    } catch (...) {
      absl::Status status = StatusOfException(where);
      if (!broken()) return status;  // a deferred constraint: rolled back
      return base::Error(absl::StatusCode::kUnknown, "DB_IN_DOUBT",
                         where + ": the connection was lost; look up whether it was done");
    }
    if (lease.session().warnings() == warnings) return absl::OkStatus();
    return base::Error(absl::StatusCode::kUnknown, "DB_IN_DOUBT",
                       where + ": PostgreSQL warned; the standby may not have confirmed it");
  }

  void Rollback(const absl::Status& reason) {
    if (SpoilsConnection(SqlState(reason))) discard = true;
    if (discard || broken()) return;
    try {
      work->exec("ROLLBACK");
    } catch (...) {
      discard = true;
    }
  }

  // Best effort: a lost notification costs its listener one poll.
  void Notify() {
    try {
      for (const std::string& channel : channels) work->exec("NOTIFY \"" + channel + "\"");
    } catch (...) {
      CountQueryError("notify", absl::StatusCode::kUnavailable);
    }
  }

  // Runs one statement: deadline, errors by the query's name, and the knowledge that after a
  // failure the transaction is dead.
  template <typename F>
  auto Run(const char* query, F statement) {
    try {
      if (failed) throw pqxx::usage_error("an earlier statement of the transaction failed");
      if (absl::Now() >= deadline) throw DeadlinePassed();
      return statement();
    } catch (...) {
      if (!failed) failure = StatusOfException(absl::StrCat(name, ": ", query));
      failed = true;
      CountQueryError(query, failure.code());
      throw;
    }
  }

  template <typename F>
  auto Timed(metrics::Histogram& histogram, F statement) {
    const absl::Time start = absl::Now();
    auto result = statement();
    histogram.Observe(absl::ToDoubleSeconds(absl::Now() - start));
    return result;
  }

  Pool::Lease lease;
  const std::string name;
  const absl::Time deadline;
  const std::string schema;
  // BEGIN and COMMIT are ours (BEGIN and the timeout are one round trip), so libpqxx sees none.
  std::optional<pqxx::nontransaction> work;
  bool discard = false;
  bool failed = false;
  absl::Status failure;
  int savepoints = 0;
  std::set<std::string> channels;
};

pqxx::result Transaction::ExecPrepared(const Query& query, std::initializer_list<Param> params) {
  return state_->Run(query.name, [&] {
    for (const Param& param : params) CheckText(param);
    const Session::Statement& statement = state_->lease.session().Prepare(query);
    return state_->Timed(*statement.duration, [&] {
      return state_->work->exec_prepared(
          query.name, pqxx::prepare::make_dynamic_params(params.begin(), params.end()));
    });
  });
}

pqxx::result Transaction::ExecDynamic(const char* name, const std::string& sql,
                                      absl::Span<const Param> params) {
  return state_->Run(name, [&] {
    for (const Param& param : params) CheckText(param);
    return state_->Timed(QueryDuration(name), [&] {
      return state_->work->exec_params(
          sql, pqxx::prepare::make_dynamic_params(params.begin(), params.end()));
    });
  });
}

pqxx::result Transaction::ExecScript(const char* name, const std::string& sql) {
  return state_->Run(name, [&] {
    return state_->Timed(QueryDuration(name), [&] { return state_->work->exec(sql); });
  });
}

int64_t Transaction::CopyIn(const char* name, absl::string_view table,
                            std::initializer_list<absl::string_view> columns,
                            absl::FunctionRef<void(RowSink)> fill) {
  return state_->Run(name, [&] {
    return state_->Timed(QueryDuration(name), [&] {
      const std::vector<std::string> names(columns.begin(), columns.end());
      // stream_to takes only tuples, of a number of columns known to the compiler.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
      pqxx::tablewriter writer(*state_->work, std::string(table), names.begin(), names.end());
#pragma GCC diagnostic pop
      std::string lines;
      int64_t rows = 0;
      fill([&](const std::vector<Param>& row) {
        if (row.size() != names.size()) {
          throw pqxx::usage_error(
              absl::StrCat("COPY of ", names.size(), " columns got a row of ", row.size()));
        }
        AppendCopyLine(row, lines);
        lines += '\n';
        ++rows;
        if (lines.size() < kCopyChunk) return;
        writer.write_raw_line(lines);  // takes the last line's end for its own
        lines.clear();
      });
      if (!lines.empty()) writer.write_raw_line(lines);
      writer.complete();
      return rows;
    });
  });
}

absl::Status Transaction::Savepoint(absl::FunctionRef<absl::Status()> body) {
  if (state_->failed) return state_->failure;
  const std::string savepoint = absl::StrCat("kabar_", ++state_->savepoints);
  state_->Run("savepoint", [&] { return state_->work->exec("SAVEPOINT " + savepoint); });
  absl::Status status;
  try {
    status = body();
    if (status.ok() && state_->failed) status = state_->failure;
  } catch (...) {
    status = state_->failed ? state_->failure : StatusOfException(state_->name);
  }
  if (status.ok()) {
    state_->Run("release", [&] { return state_->work->exec("RELEASE SAVEPOINT " + savepoint); });
    return status;
  }
  if (state_->broken()) return status;  // stays failed: Transact gives it up
  state_->failed = false;
  state_->Run("rollback", [&] {
    return state_->work->exec("ROLLBACK TO SAVEPOINT " + savepoint + "; RELEASE SAVEPOINT " +
                              savepoint);
  });
  return status;
}

void Transaction::NotifyAfterCommit(absl::string_view channel) {
  state_->channels.emplace(channel);
}

const std::string& Transaction::schema() const { return state_->schema; }
absl::Time Transaction::deadline() const { return state_->deadline; }

std::optional<pqxx::row> Transaction::MaybeRow(const Query& query, const pqxx::result& rows) {
  if (rows.empty()) return std::nullopt;
  return OneRow(query, rows);
}

pqxx::row Transaction::OneRow(const Query& query, const pqxx::result& rows) {
  if (rows.size() != 1) {
    throw pqxx::unexpected_rows(
        absl::StrCat(query.name, " gave ", rows.size(), " rows where one was expected"));
  }
  return rows[0];
}

absl::Status Transaction::RunBody(absl::FunctionRef<absl::Status(Transaction&)> body) {
  absl::Status status;
  try {
    status = body(*this);
  } catch (...) {
    return state_->failed ? state_->failure : StatusOfException(state_->name);
  }
  // A body that swallowed an exception must not commit: PostgreSQL would answer a COMMIT of the
  // dead transaction with a silent ROLLBACK.
  return status.ok() && state_->failed ? state_->failure : status;
}

absl::Status Transaction::TryOnce(Pool& pool, absl::string_view name,
                                  const TransactOptions& options,
                                  absl::FunctionRef<absl::Status(Transaction&)> body) {
  // Idle connections of a server that was restarted fail at BEGIN, where nothing was done yet.
  for (int tries_left = 3;;) {
    absl::StatusOr<Pool::Lease> lease = pool.Acquire(options.deadline);
    if (!lease.ok()) return base::Annotate(lease.status(), name);
    State state(*std::move(lease), name, options.deadline, pool.options().schema);
    const Watchdog::Guard guard(pool.watchdog(), state.lease.session().connection().sock(),
                                options.deadline + kHangAllowance);
    absl::Status status = state.Begin(options);
    if (status.ok()) {
      Transaction tx(&state);
      status = tx.RunBody(body);
      if (!status.ok()) {
        state.Rollback(status);
        return status;
      }
      status = state.Commit();
      if (status.ok()) state.Notify();
      return status;
    }
    if (!absl::IsUnavailable(status) || --tries_left == 0 || absl::Now() >= options.deadline) {
      return status;
    }
    pool.CloseIdle();
  }
}

absl::Status Transact(Pool& pool, absl::string_view name, const TransactOptions& options,
                      absl::FunctionRef<absl::Status(Transaction&)> body) {
  TransactOptions bounded = options;
  if (bounded.deadline == absl::InfiniteFuture()) {
    bounded.deadline = absl::Now() + pool.options().default_timeout;
  }
  base::Backoff backoff({.initial = absl::Milliseconds(5), .max = absl::Milliseconds(200)});
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = Transaction::TryOnce(pool, name, bounded, body);
    // Only PostgreSQL's own conflicts: the body may say ABORTED for reasons of its own.
    if (!absl::IsAborted(status) || SqlState(status).empty() || attempt >= options.attempts) {
      return status;
    }
    const absl::Duration pause = backoff.Next();
    if (absl::Now() + pause >= bounded.deadline) return status;
    absl::SleepFor(pause);
  }
}

}  // namespace kabar::pg
