#include "libs/events/publisher.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <thread>

#include "libs/events/reader.h"
#include "libs/events/testing/outbox_database.h"

namespace kabar::events {
namespace {

using namespace kabar::events::testing;

std::string ReadAll(Reader& reader, int64_t from) {
  v1::ReadEventsResponse response;
  REQUIRE_THAT(reader.Read(from, In(), &response), IsOk());
  return Show(response);
}

TEST_CASE("AppendToOutbox: an empty batch writes nothing, a rollback leaves nothing", "[events]") {
  OutboxDatabase db;
  REQUIRE_THAT(pg::Transact(db.pool(), "Empty", In(),
                            [](pg::Transaction& tx) { return AppendToOutbox(tx, {}); }),
               IsOk());
  REQUIRE_THAT(pg::Transact(db.pool(), "Undo", In(),
                            [](pg::Transaction& tx) -> absl::Status {
                              AppendToOutbox(tx, BatchOf("undone")).IgnoreError();
                              return absl::CancelledError("undo");
                            }),
               StatusIs(absl::StatusCode::kCancelled));
  CHECK(db.Sql("SELECT count(*) FROM source.outbox") == "0");
}

TEST_CASE("PublishOnce: a row that commits late gets a later number, and no reader misses it",
          "[events]") {
  OutboxDatabase db;
  Publisher publisher(db.pool());
  Reader reader(db.pool(), {});
  REQUIRE_THAT(
      pg::Transact(db.pool(), "Slow", In(),
                   [&](pg::Transaction& tx) -> absl::Status {
                     KABAR_RETURN_IF_ERROR(AppendToOutbox(tx, BatchOf("slow")));  // the lower id
                     CHECK_THAT(db.Append("quick"), IsOk());
                     CHECK(*publisher.PublishOnce(In()) == 1);
                     CHECK(ReadAll(reader, 1) == "1:quick");
                     return absl::OkStatus();
                   }),
      IsOk());
  CHECK(ReadAll(reader, 2).empty());  // committed, not numbered
  CHECK(*publisher.PublishOnce(In()) == 1);
  CHECK(ReadAll(reader, 2) == "2:slow");
  CHECK(*publisher.PublishOnce(In()) == 0);
}

TEST_CASE("PublishOnce: numbers in the order of the rows, some at a time", "[events]") {
  OutboxDatabase db;
  for (const char* text : {"a", "b", "c", "d", "e"}) REQUIRE_THAT(db.Append(text), IsOk());
  Publisher publisher(db.pool(), {.max_rows = 2});
  Reader reader(db.pool(), {});
  CHECK(*publisher.PublishOnce(In()) == 2);
  CHECK(*publisher.PublishOnce(In()) == 2);
  CHECK(*publisher.PublishOnce(In()) == 1);
  CHECK(ReadAll(reader, 1) == "1:a 2:b 3:c 4:d 5:e");
}

TEST_CASE("Publisher: many writers, rollbacks, two publishers: no gap, nothing lost or doubled",
          "[events]") {
  OutboxDatabase db;
  constexpr int kWriters = 6, kEach = 40;
  Publisher one(db.pool(), {.max_rows = 7});
  Publisher two(db.pool(), {.max_rows = 5});
  one.Start();
  two.Start();
  std::atomic<int> committed = 0;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      std::minstd_rand random(static_cast<unsigned>(w) + 1);
      for (int i = 0; i < kEach; ++i) {
        const bool undo = random() % 5 == 0;
        const int linger_ms = static_cast<int>(random() % 4);
        const absl::Status status =
            pg::Transact(db.pool(), "Write", In(), [&](pg::Transaction& tx) -> absl::Status {
              KABAR_RETURN_IF_ERROR(
                  AppendToOutbox(tx, BatchOf("w" + std::to_string(w) + "-" + std::to_string(i))));
              // Commits out of the order of ids.
              tx.ExecDynamic("test.linger", "SELECT pg_sleep($1::float8 / 1000)",
                             {pg::Param(linger_ms)});
              return undo ? absl::CancelledError("undo") : absl::OkStatus();
            });
        if (status.ok()) ++committed;
      }
    });
  }
  // Reads while they write: numbers must follow each other at every moment.
  Reader reader(db.pool(), {.max_batches = 10});
  std::map<std::string, int> seen;
  std::map<std::string, int> last_of_writer;
  int64_t next = 1;
  const auto read_some = [&] {
    v1::ReadEventsResponse response;
    REQUIRE_THAT(reader.Read(next, In(), &response), IsOk());
    for (const v1::NumberedBatch& batch : response.batches()) {
      REQUIRE(batch.number() == next++);
      const std::string text = TextOf(batch);
      ++seen[text];
      const size_t dash = text.find('-');
      const int i = std::stoi(text.substr(dash + 1));
      const auto [last, first] = last_of_writer.try_emplace(text.substr(0, dash), -1);
      CHECK(i > last->second);  // one writer's changes stay in their order
      last->second = i;
    }
    return response.batches_size();
  };
  REQUIRE(Eventually(
      [&] {
        read_some();
        return next > kWriters * kEach / 3;
      },
      absl::Seconds(60)));
  for (std::thread& writer : writers) writer.join();
  REQUIRE(Eventually([&] {
    read_some();
    return next == committed + 1;
  }));
  CHECK(read_some() == 0);
  CHECK(seen.size() == static_cast<size_t>(committed));
  for (const auto& [text, times] : seen) CHECK(times == 1);
  CHECK(committed < kWriters * kEach);
  CHECK(db.Sql("SELECT next_number FROM source.event_publisher") == std::to_string(next));
}

TEST_CASE("Publisher: from commit to reader by notifications alone", "[events]") {
  OutboxDatabase db;
  const absl::Duration never = absl::Hours(1);
  Publisher publisher(db.pool(), {.poll = never});
  publisher.Start();
  Reader reader(db.pool(), {.sign_of_life = never, .max_stream = never, .poll = never});
  std::atomic<int64_t> number = 0;
  std::jthread stream([&](const std::stop_token& stop) {
    v1::ReadEventsRequest request;
    request.set_consumer("test");
    request.set_from_number(1);
    reader
        .Stream(
            request, stop, [&] { return stop.stop_requested(); },
            [&](const v1::ReadEventsResponse& response) {
              const v1::ReadEventsResponse received = OverTheWire(response);
              if (!received.batches().empty()) number = received.batches().rbegin()->number();
              return true;
            })
        .IgnoreError();
  });
  for (int64_t i = 1; i <= 15; ++i) {
    REQUIRE_THAT(db.Append("x"), IsOk());
    REQUIRE(Eventually([&] { return number == i; }, absl::Seconds(20), absl::Milliseconds(1)));
  }
}

TEST_CASE("Publisher: finds rows whose notification was lost", "[events]") {
  OutboxDatabase db;
  Publisher publisher(db.pool(), {.poll = absl::Milliseconds(50)});
  publisher.Start();
  db.Sql("INSERT INTO source.outbox (batch) VALUES ('')");
  CHECK(Eventually([&] { return db.Sql("SELECT number FROM source.outbox") == "1"; }));
}

TEST_CASE("Publisher: killed while numbering, nothing is lost, doubled or skipped", "[events]") {
  PrivatePostgres server;
  OutboxDatabase db(server);
  Publisher publisher(db.pool(), {.max_rows = 3});
  Reader reader(db.pool(), {});
  for (const char* text : {"a", "b", "c", "d", "e"}) REQUIRE_THAT(db.Append(text), IsOk());
  REQUIRE(*publisher.PublishOnce(In()) == 3);
  db.Sql(
      "CREATE FUNCTION source.hang() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$");
  db.Sql(
      "CREATE TRIGGER hang AFTER UPDATE ON source.event_publisher FOR EACH STATEMENT "
      "EXECUTE FUNCTION source.hang()");
  absl::Status status;
  std::thread numbering([&] { status = publisher.PublishOnce(In(absl::Seconds(60))).status(); });
  CHECK(Eventually([&] {
    return db.Sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  server.Kill();
  numbering.join();
  CHECK_FALSE(status.ok());
  server.Start();
  CHECK(ReadAll(reader, 1) == "1:a 2:b 3:c");  // what was numbered stays so
  db.Sql("DROP TRIGGER hang ON source.event_publisher");
  CHECK(*publisher.PublishOnce(In()) == 2);
  CHECK(ReadAll(reader, 1) == "1:a 2:b 3:c 4:d 5:e");
}

}  // namespace
}  // namespace kabar::events
