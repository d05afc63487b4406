#include "libs/pg/migration.h"

#include "absl/strings/str_cat.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"

namespace kabar::pg {
namespace {

constexpr Query kLock{
    "migrations.lock",
    "SELECT pg_advisory_xact_lock(hashtextextended('kabar.migrations.' || $1, 0))"};
constexpr Query kApplied{"migrations.applied",
                         "SELECT number, name, checksum FROM schema_migrations ORDER BY number"};
constexpr Query kRecord{"migrations.record",
                        "INSERT INTO schema_migrations (number, name, checksum) "
                        "VALUES ($1, $2, $3)"};

std::string Label(const std::string& schema, const Migration& migration) {
  return absl::StrCat(schema, " migration ", migration.number, "_", migration.name);
}

absl::Status CheckNumbers(const std::string& schema, absl::Span<const Migration> migrations) {
  for (size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number == static_cast<int>(i) + 1) continue;
    return base::Error(absl::StatusCode::kFailedPrecondition, "MIGRATION_NUMBERING",
                       absl::StrCat(Label(schema, migrations[i]), ": expected number ", i + 1,
                                    "; number migrations 1, 2, 3, ... without gaps"));
  }
  return absl::OkStatus();
}

void CreateTable(Transaction& tx) {
  tx.ExecScript("migrations.create",
                absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", tx.schema(),
                             ";"
                             "CREATE TABLE IF NOT EXISTS schema_migrations ("
                             "  number int PRIMARY KEY, name text NOT NULL,"
                             "  checksum text NOT NULL,"
                             "  applied_at timestamptz NOT NULL DEFAULT now())"));
}

// What the database has must be the beginning of what the binary has.
absl::Status CheckApplied(const std::string& schema, const pqxx::result& applied,
                          absl::Span<const Migration> migrations) {
  if (applied.size() > migrations.size()) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "DATABASE_NEWER",
        absl::StrCat("schema ", schema, " has ", applied.size(), " migrations, this program knows ",
                     migrations.size(), ": start the newer program"));
  }
  for (size_t i = 0; i < applied.size(); ++i) {
    const pqxx::row row = applied[static_cast<pqxx::result::size_type>(i)];
    const Migration& ours = migrations[i];
    if (row[0].as<int>() == ours.number && TextField(row[1]) == ours.name &&
        TextField(row[2]) == base::Sha256Hex(ours.sql)) {
      continue;
    }
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "MIGRATION_CHANGED",
        absl::StrCat(Label(schema, ours), " differs from the one that was applied as ",
                     TextField(row[0]), "_", TextField(row[1]),
                     ": restore its file and write the change as a new migration"));
  }
  return absl::OkStatus();
}

// Applies the first migration that is missing; `done` when there is none.
absl::Status ApplyNext(Transaction& tx, absl::Span<const Migration> migrations, bool& done) {
  tx.ExecOne(kLock, tx.schema());
  CreateTable(tx);
  const pqxx::result applied = tx.Exec(kApplied);
  KABAR_RETURN_IF_ERROR(CheckApplied(tx.schema(), applied, migrations));
  done = applied.size() == migrations.size();
  if (done) return absl::OkStatus();
  const Migration& next = migrations[applied.size()];
  absl::Status status = tx.Savepoint([&] {
    tx.ExecScript("migrations.apply", std::string(next.sql));
    return absl::OkStatus();
  });
  if (!status.ok()) return base::Annotate(status, Label(tx.schema(), next));
  tx.Exec(kRecord, next.number, next.name, base::Sha256Hex(next.sql));
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(const PoolOptions& options, absl::Span<const Migration> migrations,
                     absl::Time deadline) {
  PoolOptions single = options;
  single.max_connections = 1;
  KABAR_RETURN_IF_ERROR(CheckNumbers(single.schema, migrations));
  Pool pool(single);
  const absl::Time until = std::min(deadline, absl::Now() + absl::Minutes(30));
  for (bool done = false; !done;) {
    KABAR_RETURN_IF_ERROR(
        Transact(pool, "Migrate", {.deadline = until, .attempts = 5},
                 [&](Transaction& tx) { return ApplyNext(tx, migrations, done); }));
  }
  return absl::OkStatus();
}

}  // namespace kabar::pg
