// Two chunks of a file that are written at once, and PostgreSQL gone in the middle.
#include <catch2/catch.hpp>
#include <functional>
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/pg/transaction.h"
#include "services/contacts/import_writer.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::PrivatePostgres;
using testing::ReasonIs;

// As the service imports: an import of its own, chunks that note their figures.
struct Chunks {
  explicit Chunks(PrivatePostgres& s) : server(s) {
    REQUIRE_THAT(pg::Migrate(pool.options(), ContactsMigrations(), Soon()), IsOk());
  }

  absl::StatusOr<ImportTurn> Begin(const std::string& request_id) {
    ImportTurn turn;
    KABAR_RETURN_IF_ERROR(store.Write(kA, "Begin", Soon(), [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(turn, unit.BeginImport(request_id, ""));
      return absl::OkStatus();
    }));
    return turn;
  }
  absl::StatusOr<ImportReport> Import(const ImportTurn& turn, const std::string& file,
                                      std::size_t chunk_rows) {
    Importer importer({.chunk_rows = chunk_rows, .chunks_at_once = kChunksAtOnce},
                      WriteChunksTo(store, kA, turn), turn.done);
    KABAR_RETURN_IF_ERROR(importer.Feed(file));
    KABAR_RETURN_IF_ERROR(importer.Finish());
    return importer.report();
  }
  absl::StatusOr<ImportReport> Import(const std::string& request_id, const std::string& file,
                                      std::size_t chunk_rows) {
    KABAR_ASSIGN_OR_RETURN(const ImportTurn turn, Begin(request_id));
    return Import(turn, file, chunk_rows);
  }
  std::string Sql(const std::string& sql) {
    return server.Sql(pool.options().connection, absl::StrCat("SET search_path = contacts; ", sql));
  }
  // Until `sql` answers so; within two minutes.
  void Await(const std::string& sql, const std::string& answer) {
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    std::string last;
    do {
      last = Sql(sql);
      if (last == answer) return;
    } while (absl::Now() < deadline);
    INFO(sql);
    CHECK(last == answer);
  }
  std::string Counts() {
    return Sql(
        "SELECT (SELECT count(*) FROM contacts) || ' ' || (SELECT count(*) FROM contact_identities)"
        " || ' ' || (SELECT count(*) FROM shipments)");
  }
  std::string Field(const std::string& phone, const std::string& column) {
    return Sql(absl::StrCat("SELECT c.", column, " FROM contacts c JOIN contact_identities i ON ",
                            "i.contact_id = c.id WHERE i.value = '", phone, "'"));
  }

  PrivatePostgres& server;
  pg::Pool pool{{.connection = server.CreateDatabase(),
                 .schema = "contacts",
                 .idle_in_transaction_timeout = absl::Minutes(5)}};
  PgStore store{pool, "Asia/Jakarta"};
};

std::string Rows(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) {
    absl::StrAppend(&out, "N", i, ",08123", 100'000 + i, ",R", 1'000'000 + i, "\n");
  }
  return out;
}

// Of this database: who waits for an advisory lock, and for a row.
constexpr char kBehind[] =
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
#define KABAR_WAITS_FOR_ROW                                                                \
  "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' " \
  "AND wait_event IN ('transactionid', 'tuple')"
constexpr char kWaitsForRow[] = KABAR_WAITS_FOR_ROW;
constexpr char kAtTheRow[] = "SELECT count(*) " KABAR_WAITS_FOR_ROW;

// Two chunks of 100 rows: the first has written its rows and cannot note its figures, the second
// one has written its own and stands behind it. What `then` does to the import, and its end.
absl::Status WithTheFirstHeld(Chunks& f, const std::function<void()>& then,
                              const std::string& in_the_end) {
  const auto turn = f.Begin("r1");
  REQUIRE_THAT(turn, IsOk());
  std::promise<void> held, let_go;
  auto holder = std::async(std::launch::async, [&] {
    return pg::Transact(f.pool, "Hold", absl::Now() + absl::Minutes(5), [&](pg::Transaction& tx) {
      tx.ExecScript("hold", "SELECT 1 FROM imports FOR UPDATE");
      held.set_value();
      let_go.get_future().wait();
      if (!in_the_end.empty()) tx.ExecScript("end", in_the_end);
      return absl::OkStatus();
    });
  });
  held.get_future().wait();
  auto import = std::async(std::launch::async, [&] {
    return f.Import(*turn, "nama,hp,resi\n" + Rows(0, 200), 100).status();
  });
  f.Await(kBehind, "1");
  CHECK(f.Counts() == "0 0 0");
  then();
  let_go.set_value();
  CHECK_THAT(holder.get(), IsOk());
  return import.get();
}

TEST_CASE("Chunks at once: the later one is committed behind the earlier one", "[import]") {
  Chunks f(testing::TestPostgres());
  REQUIRE_THAT(WithTheFirstHeld(
                   f, [] {}, ""),
               IsOk());
  CHECK(f.Counts() == "200 200 200");
  CHECK(f.Sql("SELECT rows || ' ' || accepted || ' ' || contacts_created FROM imports") ==
        "200 200 200");
}

TEST_CASE("Chunks at once: cancelled, neither of the two is kept", "[import]") {
  Chunks f(testing::TestPostgres());
  CHECK_THAT(WithTheFirstHeld(
                 f, [] {}, "UPDATE imports SET state = 'CANCELLED'"),
             ReasonIs("IMPORT_CANCELLED"));
  CHECK(f.Counts() == "0 0 0");
}

TEST_CASE("Chunks at once: without the earlier one the later one is not kept", "[import]") {
  Chunks f(testing::TestPostgres());
  const absl::Status status = WithTheFirstHeld(
      f,
      [&] {
        // The first one's connection is cut; the second has its turn.
        f.Await(kAtTheRow, "1");
        f.Sql(absl::StrCat("SELECT pg_terminate_backend(pid) ", kWaitsForRow));
        f.Await(kBehind, "0");
      },
      "");
  CHECK_THAT(status, testing::StatusIs(absl::StatusCode::kUnavailable, "behind row 0"));
  CHECK(f.Counts() == "0 0 0");
  const auto report = f.Import("r1", "nama,hp,resi\n" + Rows(0, 200), 100);
  REQUIRE_THAT(report, IsOk());
  CHECK(report->counts.contacts_created == 200);
  CHECK(report->counts.contacts_updated == 0);
}

TEST_CASE("Chunks at once: of the same people and parcels later rows win", "[import]") {
  Chunks f(testing::TestPostgres());
  // Phones and parcels stand in several chunks, some next to each other.
  std::string file = "nama,hp,resi,status\n";
  for (int i = 0; i < 400; ++i) {
    absl::StrAppend(&file, "N", i, ",0812345678", 10 + i % 20, ",R", i % 30, ",S", i, "\n");
  }
  const auto report = f.Import("r1", file, 7);
  REQUIRE_THAT(report, IsOk());
  CHECK(report->accepted == 400);
  CHECK(report->counts.contacts_created == 20);
  CHECK(report->counts.shipments_created == 30);
  CHECK(f.Field("+6281234567819", "name") == "N389");
  CHECK(f.Sql("SELECT string_agg(status, ' ' ORDER BY tracking_number) FROM shipments "
              "WHERE tracking_number IN ('R9', 'R10')") == "S370 S399");
}

TEST_CASE("Chunks at once: a contact by one phone in this chunk, by another in the next",
          "[import]") {
  Chunks f(testing::TestPostgres());
  for (const char* phone : {"+6281234567890", "+6281234567891"}) {
    REQUIRE_THAT(
        f.store.Write(
            kA, "Add", Soon(),
            [&](Store::Unit& u) {
              return u.FindOrInsertContact({.id = "", .phone = phone, .bsuid = "ID.1"}).status();
            }),
        IsOk());
  }
  REQUIRE(f.Sql("SELECT count(*) FROM contacts") == "1");
  std::string file = "nama,hp,kota\n";
  for (int i = 0; i < 61; ++i) {
    absl::StrAppend(&file, "N", i, ",08123456789", i % 2, ",K", i, "\n");
  }
  const auto report = f.Import("r1", file, 1);
  REQUIRE_THAT(report, IsOk());
  CHECK(report->counts.contacts_updated == 61);
  CHECK(f.Sql("SELECT name || ' ' || city FROM contacts") == "N60 K60");
}

TEST_CASE("Imports: PostgreSQL is killed in the middle, nothing is lost or counted twice",
          "[import]") {
  constexpr int kRows = 40'000;
  PrivatePostgres server;
  Chunks f(server);
  const std::string file = "nama,hp,resi\n" + Rows(0, kRows);
  const auto progress = [&] { return f.Sql("SELECT rows FROM imports"); };
  ImportReport whole;
  int seen = 0;
  int times = 0;
  for (bool done = false; !done; ++times) {
    auto import = std::async(std::launch::async, [&] { return f.Import("r1", file, 500); });
    if (times < 3) {
      const int enough = seen + 2000;
      f.Await(absl::StrCat("SELECT coalesce(max(rows), 0) >= ", enough, " FROM imports"), "t");
      server.Kill();
    }
    const absl::StatusOr<ImportReport> report = import.get();
    if (times >= 3 || report.ok()) {
      REQUIRE_THAT(report, IsOk());
      whole = *report;
      done = true;
    } else {
      server.Start();
      f.pool.CloseIdle();
      // What is said is what is there, chunk for chunk.
      seen = std::stoi(progress());
      CHECK(seen % 500 == 0);
      CHECK(f.Counts() == absl::StrCat(seen, " ", seen, " ", seen));
      CHECK(f.Sql("SELECT contacts_created || ' ' || shipments_created FROM imports") ==
            absl::StrCat(seen, " ", seen));
    }
  }
  CHECK(times > 1);
  CHECK(whole.rows_before == seen);
  CHECK(whole.rows == kRows);
  CHECK(whole.accepted == kRows);
  CHECK(whole.counts.contacts_created == kRows);
  CHECK(whole.counts.shipments_created == kRows);
  CHECK(whole.counts.contacts_updated == 0);
  CHECK(whole.counts.shipments_updated == 0);
  CHECK(f.Counts() == absl::StrCat(kRows, " ", kRows, " ", kRows));
}

}  // namespace
}  // namespace kabar::contacts
