#include "libs/pg/transaction.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/status.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::pg {
namespace {

using testing::IsOk;
using testing::StatusIs;
using testing::TestPostgres;

constexpr Query kInsert{"test.insert", "INSERT INTO things (id, name) VALUES ($1, $2)"};
constexpr Query kNames{"test.names", "SELECT name FROM things ORDER BY id"};

struct Database {
  Database() {
    REQUIRE_THAT(Transact(pool, "Create", In(),
                          [](Transaction& tx) {
                            tx.ExecScript("test.create",
                                          "CREATE TABLE things (id bigint PRIMARY KEY,"
                                          "  name text NOT NULL CONSTRAINT short CHECK "
                                          "    (length(name) < 20),"
                                          "  parent bigint CONSTRAINT parent REFERENCES things,"
                                          "  code int CONSTRAINT code UNIQUE DEFERRABLE "
                                          "    INITIALLY DEFERRED)");
                            return absl::OkStatus();
                          }),
                 IsOk());
  }

  static absl::Time In(absl::Duration d = absl::Seconds(20)) { return absl::Now() + d; }

  absl::Status Insert(int64_t id, const std::string& name) {
    return Transact(pool, "Insert", In(), [&](Transaction& tx) {
      tx.Exec(kInsert, id, name);
      return absl::OkStatus();
    });
  }

  absl::Status Run(const std::string& sql) {
    return Transact(pool, "Run", In(), [&](Transaction& tx) {
      tx.ExecDynamic("test.run", sql, {});
      return absl::OkStatus();
    });
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    REQUIRE_THAT(Transact(pool, "Names", In(),
                          [&](Transaction& tx) {
                            names.clear();
                            for (const pqxx::row& row : tx.Exec(kNames)) {
                              names.push_back(TextField(row[0]));
                            }
                            return absl::OkStatus();
                          }),
                 IsOk());
    return names;
  }

  std::string connection = TestPostgres().CreateDatabase();
  Pool pool{{.connection = connection, .max_connections = 3}};
};

TEST_CASE("Transact: commits on OK, rolls back on an error and on an exception", "[pg]") {
  Database db;
  CHECK_THAT(db.Insert(1, "one"), IsOk());
  CHECK_THAT(Transact(db.pool, "Refuse", Database::In(),
                      [&](Transaction& tx) -> absl::Status {
                        tx.Exec(kInsert, 2, "two");
                        return absl::NotFoundError("no");
                      }),
             StatusIs(absl::StatusCode::kNotFound, "no"));
  CHECK_THAT(Transact(db.pool, "Throw", Database::In(),
                      [&](Transaction& tx) -> absl::Status {
                        tx.Exec(kInsert, 3, "three");
                        throw std::runtime_error("boom");
                      }),
             StatusIs(absl::StatusCode::kInternal, "boom"));
  CHECK(db.Names() == std::vector<std::string>{"one"});
  CHECK(db.pool.usage().open == 1);
  CHECK(db.pool.usage().in_use == 0);
}

TEST_CASE("Transact: PostgreSQL's failures by code, constraint and SQLSTATE", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Insert(1, "one"), IsOk());
  const absl::Status duplicate = db.Insert(1, "secret name");
  CHECK_THAT(duplicate, StatusIs(absl::StatusCode::kAlreadyExists, "Insert: test.insert"));
  CHECK(Constraint(duplicate) == "things_pkey");
  CHECK(SqlState(duplicate) == "23505");
  CHECK(IsDuplicate(duplicate, "things_pkey"));
  CHECK_FALSE(IsDuplicate(duplicate, "other"));

  const absl::Status check = db.Insert(2, "a name that is much too long");
  CHECK_THAT(check, StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(Constraint(check) == "short");

  const absl::Status null = db.Run("INSERT INTO things (id) VALUES (5)");
  CHECK_THAT(null, StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(Constraint(null) == "name");

  const absl::Status foreign = db.Run("INSERT INTO things (id, name, parent) VALUES (6, 'x', 99)");
  CHECK_THAT(foreign, StatusIs(absl::StatusCode::kFailedPrecondition));
  CHECK(Constraint(foreign) == "parent");

  CHECK_THAT(db.Run("SELEC"), StatusIs(absl::StatusCode::kInternal, "42601"));
  CHECK_THAT(db.Run("SELECT 1/0"), StatusIs(absl::StatusCode::kInvalidArgument, "22012"));
}

TEST_CASE("Transact: no value reaches a message", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Insert(1, "one"), IsOk());
  for (const std::string& sql :
       {std::string("INSERT INTO things (id, name) VALUES (1, 'Budi0812')"),
        std::string("INSERT INTO things (id, name) VALUES (7, 'Budi0812 Budi0812 Budi0812')"),
        std::string("SELECT 'Budi0812'::int"), std::string("SELECT 'Budi0812'::timestamptz")}) {
    const absl::Status status = db.Run(sql);
    CAPTURE(sql, status);
    CHECK_FALSE(status.ok());
    CHECK(std::string(status.message()).find("Budi") == std::string::npos);
  }
}

TEST_CASE("Transact: a deferred constraint fails at COMMIT and nothing is done", "[pg]") {
  Database db;
  const absl::Status status = Transact(db.pool, "Deferred", Database::In(), [](Transaction& tx) {
    tx.ExecScript("test.deferred",
                  "INSERT INTO things (id, name, code) VALUES (1, 'a', 7), (2, 'b', 7)");
    return absl::OkStatus();
  });
  CHECK_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists));
  CHECK(Constraint(status) == "code");
  CHECK(db.Names().empty());
}

TEST_CASE("Transact: a swallowed exception does not commit", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Insert(1, "one"), IsOk());
  const absl::Status status = Transact(db.pool, "Swallow", Database::In(), [](Transaction& tx) {
    tx.Exec(kInsert, 2, "two");
    try {
      tx.Exec(kInsert, 1, "again");
    } catch (...) {
    }
    return absl::OkStatus();
  });
  CHECK_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists));
  CHECK(db.Names() == std::vector<std::string>{"one"});
}

TEST_CASE("Savepoint: undoes its own statements and the transaction goes on", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Insert(1, "one"), IsOk());
  absl::Status inner;
  REQUIRE_THAT(Transact(db.pool, "Outer", Database::In(),
                        [&](Transaction& tx) {
                          tx.Exec(kInsert, 2, "two");
                          inner = tx.Savepoint([&] {
                            tx.Exec(kInsert, 3, "three");
                            tx.Exec(kInsert, 1, "again");
                            return absl::OkStatus();
                          });
                          absl::Status kept = tx.Savepoint([&] {
                            tx.Exec(kInsert, 4, "four");
                            return absl::OkStatus();
                          });
                          return kept;
                        }),
               IsOk());
  CHECK(IsDuplicate(inner, "things_pkey"));
  CHECK(db.Names() == std::vector<std::string>{"one", "two", "four"});
}

TEST_CASE("Transact: the deadline ends a statement that hangs", "[pg]") {
  Database db;
  const absl::Time start = absl::Now();
  const absl::Status status =
      Transact(db.pool, "Hang", start + absl::Milliseconds(300), [](Transaction& tx) {
        tx.ExecDynamic("test.hang", "SELECT pg_sleep(30)", {});
        return absl::OkStatus();
      });
  CHECK_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded, "test.hang"));
  CHECK(absl::Now() - start < absl::Seconds(10));
  // The connection is as good as before, without the old timeout.
  CHECK_THAT(db.Run("SELECT pg_sleep(0.5)"), IsOk());
  CHECK(db.pool.usage().open == 1);
}

TEST_CASE("Transact: a text with a NUL byte is refused, not cut", "[pg]") {
  Database db;
  CHECK_THAT(db.Insert(1, std::string("a\0b", 3)), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK_THAT(db.Insert(1, "\xff\xfe"), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(db.Names().empty());
}

TEST_CASE("Transact: a connection lost in the middle undoes everything, silently never", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Insert(1, "one"), IsOk());
  const absl::Status status = Transact(db.pool, "Cut", Database::In(), [&](Transaction& tx) {
    tx.Exec(kInsert, 2, "two");
    const std::string pid =
        TextField(tx.ExecDynamic("test.pid", "SELECT pg_backend_pid()::text", {})[0][0]);
    TestPostgres().Sql(db.connection, "SELECT pg_terminate_backend(" + pid + ", 5000)");
    tx.Exec(kInsert, 3, "three");  // must not run on a new connection, outside of a transaction
    return absl::OkStatus();
  });
  CHECK_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  CHECK(db.pool.usage().open == 0);
  CHECK(db.Names() == std::vector<std::string>{"one"});
}

TEST_CASE("Transact: a connection lost during COMMIT is UNKNOWN", "[pg]") {
  Database db;
  // The commit triggers a deferred constraint trigger that ends its own backend.
  REQUIRE_THAT(db.Run("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); "
                      "RETURN NULL; END $$"),
               IsOk());
  REQUIRE_THAT(db.Run("CREATE CONSTRAINT TRIGGER die AFTER INSERT ON things DEFERRABLE "
                      "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"),
               IsOk());
  CHECK_THAT(db.Insert(1, "one"), StatusIs(absl::StatusCode::kUnknown, "look up"));
  CHECK(db.pool.usage().open == 0);
}

TEST_CASE("Transact: serialization failures run the function again when asked to", "[pg]") {
  Database db;
  REQUIRE_THAT(db.Run("CREATE TABLE counter (n int)"), IsOk());
  REQUIRE_THAT(db.Run("INSERT INTO counter VALUES (0)"), IsOk());
  constexpr Query kRead{"test.read", "SELECT n FROM counter"};
  constexpr Query kWrite{"test.write", "UPDATE counter SET n = $1"};
  const auto increment = [&](int attempts, bool disturb, int* runs) {
    return Transact(
        db.pool, "Increment",
        {.deadline = Database::In(), .attempts = attempts, .isolation = Isolation::kRepeatableRead},
        [&](Transaction& tx) {
          const int n = tx.ExecOne(kRead)[0].as<int>();
          if (disturb && ++*runs == 1) {
            TestPostgres().Sql(db.connection, "UPDATE counter SET n = n + 10");
          }
          tx.Exec(kWrite, n + 1);
          return absl::OkStatus();
        });
  };
  int runs = 0;
  CHECK_THAT(increment(1, true, &runs), StatusIs(absl::StatusCode::kAborted));
  runs = 0;
  CHECK_THAT(increment(3, true, &runs), IsOk());
  CHECK(runs == 2);
  CHECK(TestPostgres().Sql(db.connection, "SELECT n FROM counter") == "21");
}

TEST_CASE("Exec: two queries of one name are a mistake that shows", "[pg]") {
  Database db;
  constexpr Query kOther{"test.names", "SELECT 1"};
  CHECK(db.Names().empty());
  CHECK_THAT(Transact(db.pool, "Twice", Database::In(),
                      [&](Transaction& tx) {
                        tx.Exec(kOther);
                        return absl::OkStatus();
                      }),
             StatusIs(absl::StatusCode::kInternal, "test.names"));
}

TEST_CASE("ExecOne and ExecMaybe: count the rows", "[pg]") {
  Database db;
  constexpr Query kRows{"test.rows", "SELECT generate_series(1, $1::int)"};
  CHECK_THAT(Transact(db.pool, "Rows", Database::In(),
                      [&](Transaction& tx) {
                        CHECK_FALSE(tx.ExecMaybe(kRows, 0).has_value());
                        CHECK((*tx.ExecMaybe(kRows, 1))[0].as<int>() == 1);
                        CHECK(tx.ExecOne(kRows, 1)[0].as<int>() == 1);
                        tx.ExecOne(kRows, 2);
                        return absl::OkStatus();
                      }),
             StatusIs(absl::StatusCode::kInternal, "2 rows"));
}

TEST_CASE("Params and fields: every type there and back", "[pg]") {
  Database db;
  constexpr Query kEcho{"test.echo",
                        "SELECT $1::text, $2::bigint, $3::bytea, $4::timestamptz, $5::bool, "
                        "$6::float8, $7::text[], $8::bigint[], $9::timestamptz, $10::bytea[]"};
  const std::string bytes("\0\xff'\\", 4);
  const std::vector<std::string> texts = {"a\"b\\c", "", "NULL", "{x,y}", "🚚"};
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'456);
  REQUIRE_THAT(Transact(db.pool, "Echo", Database::In(),
                        [&](Transaction& tx) {
                          const pqxx::row row = tx.ExecOne(
                              kEcho, "it's", int64_t{1} << 60, Bytes(bytes), time, true, 0.1,
                              TextArray(texts), BigintArray(std::vector<int64_t>{1, -2}),
                              std::nullopt, ByteaArray(std::vector<std::string>{bytes, ""}));
                          CHECK(TextField(row[0]) == "it's");
                          CHECK(row[1].as<int64_t>() == int64_t{1} << 60);
                          CHECK(BytesField(row[2]) == bytes);
                          CHECK(TimeField(row[3]) == time);
                          CHECK(row[4].as<bool>());
                          CHECK(row[5].as<double>() == 0.1);
                          CHECK(TextArrayField(row[6]) == texts);
                          CHECK(BigintArrayField(row[7]) == std::vector<int64_t>{1, -2});
                          CHECK_FALSE(OptTimeField(row[8]).has_value());
                          const std::vector<std::string> blobs = TextArrayField(row[9]);
                          REQUIRE(blobs.size() == 2);
                          CHECK(ParseBytes(blobs[0]) == bytes);
                          CHECK_THROWS(TimeField(row[8]));
                          return absl::OkStatus();
                        }),
               IsOk());
}

TEST_CASE("CopyIn: rows with every awkward letter, NULL and empty", "[pg]") {
  Database db;
  constexpr Query kAll{"test.copied", "SELECT note FROM copied ORDER BY n"};
  const std::vector<std::optional<std::string>> notes = {
      "tab\there", "line\nbreak", "\r\n", "back\\slash", "\\N", "\\.", "", std::nullopt, "emoji 🚚"};
  REQUIRE_THAT(Transact(db.pool, "Copy", Database::In(),
                        [&](Transaction& tx) {
                          tx.ExecScript("test.temp",
                                        "CREATE TEMP TABLE copied (note text, n int) "
                                        "ON COMMIT DROP");
                          const int64_t rows = tx.CopyIn("test.copy", "copied", {"note", "n"},
                                                         [&](Transaction::RowSink row) {
                                                           for (int i = 0; i < 9000; ++i)
                                                             row({notes[i % notes.size()], i});
                                                         });
                          CHECK(rows == 9000);
                          const pqxx::result all = tx.Exec(kAll);
                          REQUIRE(all.size() == 9000);
                          for (int i = 0; i < 9000; ++i) {
                            if (OptTextField(all[i][0]) != notes[i % notes.size()]) FAIL(i);
                          }
                          return absl::OkStatus();
                        }),
               IsOk());
}

TEST_CASE("CopyIn: an error in the middle leaves nothing and the connection usable", "[pg]") {
  Database db;
  const absl::Status bad = Transact(db.pool, "Copy", Database::In(), [&](Transaction& tx) {
    tx.CopyIn("test.copy_bad", "things", {"id", "name"}, [&](Transaction::RowSink row) {
      row({1, "one"});
      row({"not a number", "two"});
    });
    return absl::OkStatus();
  });
  CHECK_THAT(bad, StatusIs(absl::StatusCode::kInvalidArgument));
  const absl::Status thrown = Transact(db.pool, "Copy", Database::In(), [&](Transaction& tx) {
    tx.CopyIn("test.copy_bad", "things", {"id", "name"}, [&](Transaction::RowSink row) {
      row({1, "one"});
      row({2});
    });
    return absl::OkStatus();
  });
  CHECK_THAT(thrown, StatusIs(absl::StatusCode::kInternal, "2 columns"));
  CHECK(db.Names().empty());
}

}  // namespace
}  // namespace kabar::pg
