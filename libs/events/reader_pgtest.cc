#include "libs/events/reader.h"

#include <catch2/catch.hpp>
#include <thread>

#include "libs/events/publisher.h"
#include "libs/events/testing/outbox_database.h"

namespace kabar::events {
namespace {

using namespace kabar::events::testing;

v1::ReadEventsRequest Request(const std::string& consumer, int64_t from) {
  v1::ReadEventsRequest request;
  request.set_consumer(consumer);
  request.set_from_number(from);
  return request;
}

// A stream to its end; what came, joined by "|" per response.
absl::StatusOr<std::string> StreamOf(Reader& reader, const v1::ReadEventsRequest& request,
                                     std::stop_token stop = {}) {
  std::string shown;
  absl::Status status = reader.Stream(
      request, std::move(stop), [] { return false; },
      [&](const v1::ReadEventsResponse& response) {
        shown += Show(OverTheWire(response)) + "|";
        return true;
      });
  if (!status.ok()) return status;
  return shown;
}

void Publish(OutboxDatabase& db, int rows) {
  for (int i = 0; i < rows; ++i) REQUIRE_THAT(db.Append("x"), IsOk());
  Publisher publisher(db.pool());
  REQUIRE(*publisher.PublishOnce(In()) == rows);
}

TEST_CASE("Read: pages bounded by batches and by bytes", "[events]") {
  OutboxDatabase db;
  for (const char* text : {"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"}) {
    REQUIRE_THAT(db.Append(text), IsOk());
  }
  Publisher publisher(db.pool());
  REQUIRE(*publisher.PublishOnce(In()) == 4);
  const auto read = [&](Reader::Options options, int64_t from) {
    Reader reader(db.pool(), std::move(options));
    v1::ReadEventsResponse response;
    REQUIRE_THAT(reader.Read(from, In(), &response), IsOk());
    return response.batches_size();
  };
  CHECK(read({}, 1) == 4);
  CHECK(read({}, 3) == 2);
  CHECK(read({}, 5) == 0);
  CHECK(read({.max_batches = 3}, 1) == 3);
  CHECK(read({.max_bytes = 20}, 1) == 2);  // 14 bytes each: the second begins below 20
  CHECK(read({.max_bytes = 1}, 1) == 1);   // a batch larger than the bound comes alone
}

TEST_CASE("Stream: the bytes on the wire are those of the batches", "[events]") {
  OutboxDatabase db;
  for (const std::size_t size : {0, 1, 127, 128, 20000}) {
    REQUIRE_THAT(db.Append(std::string(size, 'x')), IsOk());
  }
  db.Sql("UPDATE source.event_publisher SET next_number = 126");  // numbers of one byte and of two
  db.Sql("UPDATE source.event_trimming SET trimmed_number = 125");
  REQUIRE(*Publisher(db.pool()).PublishOnce(In()) == 5);
  Reader reader(db.pool(), {.max_stream = absl::Milliseconds(50)});
  v1::ReadEventsResponse batches;
  REQUIRE_THAT(reader.Read(126, In(), &batches), IsOk());
  REQUIRE(batches.batches_size() == 5);
  CHECK(batches.batches(4).number() == 130);
  CHECK(TextOf(batches.batches(4)).size() == 20000);
  std::string wire;
  REQUIRE_THAT(reader.Stream(
                   Request("a", 126), {}, [] { return false; },
                   [&](const v1::ReadEventsResponse& response) {
                     wire += response.SerializeAsString();
                     return true;
                   }),
               IsOk());
  CHECK((wire == batches.SerializeAsString()));
}

TEST_CASE("Stream: a sign of life at once and while nothing happens; ends by itself", "[events]") {
  OutboxDatabase db;
  Publish(db, 1);
  Reader reader(db.pool(),
                {.sign_of_life = absl::Milliseconds(30), .max_stream = absl::Milliseconds(200)});
  CHECK(StreamOf(reader, Request("a", 1))->substr(0, 5) == "1:x||");
  const std::string idle = *StreamOf(reader, Request("a", 2));
  CHECK(idle.size() >= 3);
  CHECK(idle.size() <= 10);
}

TEST_CASE("Stream: ends with the stop and when the caller is gone", "[events]") {
  OutboxDatabase db;
  Publish(db, 1);
  Reader reader(db.pool(), {.max_stream = absl::InfiniteDuration()});
  std::stop_source stop;
  absl::Status gone = reader.Stream(
      Request("a", 1), stop.get_token(), [] { return false; },
      [](const v1::ReadEventsResponse&) { return false; });
  CHECK_THAT(gone, StatusIs(absl::StatusCode::kCancelled));
  absl::Status stopped = reader.Stream(
      Request("a", 1), stop.get_token(), [] { return false; },
      [&](const v1::ReadEventsResponse&) {
        stop.request_stop();
        return true;
      });
  CHECK_THAT(stopped, IsOk());
  CHECK_THAT(reader.Stream(
                 Request("a", 1), {}, [] { return true; },
                 [](const v1::ReadEventsResponse&) { return true; }),
             IsOk());
}

// Without one a reader shares nothing.
std::string Listeners(OutboxDatabase& db) {
  return db.Sql(
      "SELECT coalesce(string_agg(pid::text, ','), '') FROM pg_stat_activity WHERE datname = "
      "current_database() AND query LIKE 'LISTEN%'");
}

// With `poll` this long, whoever waits for news of what is there already waits until the end.
TEST_CASE("Stream: goes on at once where memory held only a part", "[events]") {
  OutboxDatabase db;
  for (int i = 0; i < 7; ++i) REQUIRE_THAT(db.Append(std::string(30, 'x')), IsOk());
  REQUIRE(*Publisher(db.pool()).PublishOnce(In()) == 7);
  Reader reader(db.pool(), {.max_bytes = 100,  // fewer of memory's, which stay below it
                            .sign_of_life = absl::Hours(1),
                            .max_stream = absl::Seconds(30),
                            .poll = absl::Hours(1)});
  REQUIRE(Eventually([&] { return !Listeners(db).empty(); }));
  const auto read_all = [&](const std::string& consumer) {
    std::stop_source stop;
    int64_t last = 0;
    const absl::Time start = absl::Now();
    REQUIRE_THAT(reader.Stream(
                     Request(consumer, 1), stop.get_token(), [] { return false; },
                     [&](const v1::ReadEventsResponse& response) {
                       const v1::ReadEventsResponse received = OverTheWire(response);
                       for (const auto& batch : received.batches()) {
                         CHECK(batch.number() == last + 1);
                         last = batch.number();
                       }
                       if (last == 7) stop.request_stop();
                       return true;
                     }),
                 IsOk());
    CHECK(last == 7);
    return absl::Now() - start;
  };
  REQUIRE(read_all("a") < absl::Seconds(10));
  CHECK(read_all("b") < absl::Seconds(10));  // out of memory
}

TEST_CASE("Stream: what was read before the database was restored is forgotten", "[events]") {
  OutboxDatabase db;
  Publish(db, 3);
  Reader reader(db.pool(), {.max_stream = absl::Milliseconds(200)});
  REQUIRE(Eventually([&] { return !Listeners(db).empty(); }));
  const std::string before = Listeners(db);
  REQUIRE_THAT(StreamOf(reader, Request("a", 1)), IsOk());
  REQUIRE(StreamOf(reader, Request("b", 2))->substr(0, 8) == "2:x 3:x|");
  // A backup from when there was only the first one; and what has happened since.
  db.Sql(
      "DELETE FROM source.outbox WHERE number > 1; UPDATE source.event_publisher SET "
      "next_number = 2");
  db.Sql(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
      "current_database() AND pid <> pg_backend_pid()");
  REQUIRE(Eventually([&] {
    const std::string now = Listeners(db);
    return !now.empty() && now != before;
  }));
  for (const char* text : {"new", "newer"}) REQUIRE_THAT(db.Append(text), IsOk());
  Publisher publisher(db.pool());
  REQUIRE(*publisher.PublishOnce(In()) == 2);
  CHECK(StreamOf(reader, Request("b", 2))->substr(0, 14) == "2:new 3:newer|");
}

TEST_CASE("Stream: ends when the database was away, so that its consumer registers anew",
          "[events]") {
  OutboxDatabase db;
  Publish(db, 3);
  Reader reader(db.pool(), {.sign_of_life = absl::Milliseconds(20),
                            .max_stream = absl::Seconds(60),
                            .poll = absl::Milliseconds(20)});
  REQUIRE(Eventually([&] { return !Listeners(db).empty(); }));
  int signs = 0;
  const absl::Time start = absl::Now();
  REQUIRE_THAT(reader.Stream(
                   Request("a", 4), {}, [] { return false; },
                   [&](const v1::ReadEventsResponse&) {
                     if (++signs != 10) return true;
                     db.Sql(
                         "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
                         "datname = current_database() AND pid <> pg_backend_pid()");
                     return true;
                   }),
               IsOk());
  CHECK(signs >= 10);
  CHECK(absl::Now() - start < absl::Seconds(30));
  db.Sql(
      "DELETE FROM source.outbox WHERE number > 1; UPDATE source.event_publisher SET "
      "next_number = 2");
  CHECK_THAT(StreamOf(reader, Request("a", 4)), ReasonIs("EVENTS_FROM_THE_FUTURE"));
}

TEST_CASE("Stream: refuses requests that cannot be meant", "[events]") {
  OutboxDatabase db;
  Publish(db, 2);
  Reader reader(db.pool(), {.max_stream = absl::ZeroDuration()});
  CHECK_THAT(StreamOf(reader, Request("", 1)), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK_THAT(StreamOf(reader, Request("a", -1)), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK_THAT(StreamOf(reader, Request("a", 3)), IsOk());
  CHECK_THAT(StreamOf(reader, Request("a", 4)), ReasonIs("EVENTS_FROM_THE_FUTURE"));
}

TEST_CASE("Read: a missing number is an error, never skipped", "[events]") {
  OutboxDatabase db;
  Publish(db, 3);
  db.Sql("DELETE FROM source.outbox WHERE number = 2");
  Reader reader(db.pool(), {});
  v1::ReadEventsResponse response;
  CHECK_THAT(reader.Read(1, In(), &response), ReasonIs("EVENTS_GAP"));
  CHECK_THAT(reader.Read(2, In(), &response), ReasonIs("EVENTS_GAP"));
  CHECK_THAT(reader.Read(3, In(), &response), IsOk());
}

TEST_CASE("Trim: never passes the slowest consumer", "[events]") {
  OutboxDatabase db;
  Publish(db, 10);
  Reader reader(db.pool(),
                {.required = {"analytics", "triggers"}, .max_stream = absl::ZeroDuration()});
  const auto rows = [&] { return db.Sql("SELECT count(*) FROM source.outbox"); };
  CHECK(*reader.Trim(In()) == 0);  // nobody has registered
  REQUIRE_THAT(StreamOf(reader, Request("analytics", 9)), IsOk());
  CHECK(*reader.Trim(In()) == 0);  // triggers may still need everything
  REQUIRE_THAT(StreamOf(reader, Request("triggers", 4)), IsOk());
  CHECK(*reader.Trim(In()) == 3);
  CHECK(db.Sql("SELECT min(number) FROM source.outbox") == "4");
  REQUIRE_THAT(StreamOf(reader, Request("contacts", 5)), IsOk());  // a third, not required
  REQUIRE_THAT(StreamOf(reader, Request("triggers", 11)), IsOk());
  CHECK(*reader.Trim(In()) == 1);
  CHECK(rows() == "6");
  CHECK_THAT(reader.Deregister("contacts", In()), IsOk());
  CHECK_THAT(reader.Deregister("contacts", In()), StatusIs(absl::StatusCode::kNotFound));
  CHECK(*reader.Trim(In()) == 4);
  CHECK(rows() == "2");
  // Trimmed numbers are refused, not skipped; rows not yet numbered are never touched.
  CHECK_THAT(StreamOf(reader, Request("late", 8)), ReasonIs("EVENTS_TRIMMED"));
  v1::ReadEventsResponse response;
  CHECK_THAT(reader.Read(8, In(), &response), ReasonIs("EVENTS_TRIMMED"));
  CHECK_THAT(reader.Read(9, In(), &response), IsOk());
  REQUIRE_THAT(db.Append("new"), IsOk());
  REQUIRE_THAT(StreamOf(reader, Request("analytics", 11)), IsOk());
  CHECK(*reader.Trim(In()) == 2);
  CHECK(rows() == "1");
}

TEST_CASE("Trim: some rows at a time, and by itself", "[events]") {
  OutboxDatabase db;
  Publish(db, 10);
  Reader reader(db.pool(), {.max_stream = absl::ZeroDuration(),
                            .trim_every = absl::Milliseconds(20),
                            .max_trim_rows = 4});
  REQUIRE_THAT(StreamOf(reader, Request("a", 10)), IsOk());
  CHECK(*reader.Trim(In()) == 4);
  reader.Start();
  CHECK(Eventually([&] { return db.Sql("SELECT count(*) FROM source.outbox") == "1"; }));
  reader.Stop();
  CHECK(db.Sql("SELECT number FROM source.outbox") == "10");
}

TEST_CASE("Read: all rows trimmed away is told too", "[events]") {
  OutboxDatabase db;
  Publish(db, 2);
  Reader reader(db.pool(), {.max_stream = absl::ZeroDuration()});
  REQUIRE_THAT(StreamOf(reader, Request("a", 3)), IsOk());
  REQUIRE(*reader.Trim(In()) == 2);
  CHECK_THAT(StreamOf(reader, Request("b", 1)), ReasonIs("EVENTS_TRIMMED"));
}

}  // namespace
}  // namespace kabar::events
