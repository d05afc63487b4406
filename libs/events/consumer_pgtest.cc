#include "libs/events/consumer.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/events/position.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/events/testing/outbox_database.h"
#include "libs/rpc/status.h"

namespace kabar::events {
namespace {

using namespace kabar::events::testing;

constexpr pg::Query kCount{"test.count", "INSERT INTO effects (text, number) VALUES ($1, $2)"};

// A gRPC server whose ReadEvents is the test's function (on gRPC's threads: no Catch2 macros
// there).
class Server : public v1::EventsService::Service {
 public:
  using Serve = std::function<absl::Status(grpc::ServerContext*, const v1::ReadEventsRequest&,
                                           grpc::ServerWriter<v1::ReadEventsResponse>*)>;
  explicit Server(Serve serve) : serve_(std::move(serve)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    REQUIRE(port_ != 0);
  }
  ~Server() override {
    stop_.request_stop();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel("127.0.0.1:" + std::to_string(port_),
                               grpc::InsecureChannelCredentials());
  }
  std::stop_token stop() const { return stop_.get_token(); }
  int calls() const { return calls_; }

  grpc::Status ReadEvents(grpc::ServerContext* context, const v1::ReadEventsRequest* request,
                          grpc::ServerWriter<v1::ReadEventsResponse>* writer) override {
    ++calls_;
    return rpc::ToGrpc(serve_(context, *request, writer));
  }

 private:
  const Serve serve_;
  std::stop_source stop_;
  std::atomic<int> calls_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// The real reading end over a database's outbox.
struct Source {
  explicit Source(OutboxDatabase& db, Reader::Options options = {})
      : publisher(db.pool()), reader(db.pool(), std::move(options)) {
    publisher.Start();
  }
  Publisher publisher;
  Reader reader;
  Server server{[this](grpc::ServerContext* context, const v1::ReadEventsRequest& request,
                       grpc::ServerWriter<v1::ReadEventsResponse>* writer) {
    return reader.Stream(
        request, server.stop(), [&] { return context->IsCancelled(); },
        [&](const v1::ReadEventsResponse& response) { return writer->Write(response); });
  }};
};

// A consuming service: its effects are rows of `effects`.
struct Sunk {
  explicit Sunk(OutboxDatabase& database) : db(database) {
    db.Sql("CREATE TABLE IF NOT EXISTS source.effects (text text, number bigint)");
  }

  std::unique_ptr<Sink> MakeSink(bool from_oldest = false) {
    return MakePgSink(
        db.pool(), "source",
        [this](pg::Transaction& tx,
               absl::Span<const v1::NumberedBatch* const> batches) -> absl::Status {
          for (const v1::NumberedBatch* batch : batches) {
            tx.Exec(kCount, TextOf(*batch), batch->number());
          }
          largest = std::max<int64_t>(largest, static_cast<int64_t>(batches.size()));
          if (refuse > 0 && --refuse >= 0) return absl::InternalError("refused");
          return absl::OkStatus();
        },
        from_oldest);
  }

  // "rows distinct highest"
  std::string Effects() {
    return db.Sql(
        "SELECT count(*) || ' ' || count(DISTINCT number) || ' ' || coalesce(max(number), 0) "
        "FROM source.effects");
  }

  OutboxDatabase& db;
  std::atomic<int64_t> largest = 0;
  std::atomic<int> refuse = 0;
};

Consumer::Options Quick() {
  return {.source = "source",
          .consumer = "test",
          .min_backoff = absl::Milliseconds(5),
          .max_backoff = absl::Milliseconds(50)};
}

const Consumer::Prepare kNoCredentials = [](grpc::ClientContext&) {};

TEST_CASE("StorePosition: only the number that follows, once", "[events]") {
  OutboxDatabase db;
  const auto store = [&](int64_t first, int64_t last) {
    return pg::Transact(db.pool(), "Store", In(), [&](pg::Transaction& tx) {
      return StorePosition(tx, "source", first, last);
    });
  };
  CHECK_THAT(store(2, 2), ReasonIs("EVENT_POSITION_MOVED"));
  CHECK_THAT(store(1, 3), IsOk());
  CHECK_THAT(store(3, 4), StatusIs(absl::StatusCode::kAborted));
  CHECK_THAT(store(5, 5), StatusIs(absl::StatusCode::kAborted));
  CHECK_THAT(store(4, 3), StatusIs(absl::StatusCode::kAborted));
  CHECK_THAT(store(1, 1), StatusIs(absl::StatusCode::kAborted));
  CHECK_THAT(store(4, 4), IsOk());
  int64_t position = 0, other = -1;
  REQUIRE_THAT(pg::Transact(db.pool(), "Load", In(),
                            [&](pg::Transaction& tx) {
                              position = LoadPosition(tx, "source");
                              other = LoadPosition(tx, "other");
                              return absl::OkStatus();
                            }),
               IsOk());
  CHECK(position == 4);
  CHECK(other == 0);
}

TEST_CASE("Consumer: applies what is there and what comes, many at once when behind", "[events]") {
  OutboxDatabase db;
  Sunk sunk(db);
  for (int i = 0; i < 30; ++i) REQUIRE_THAT(db.Append("old"), IsOk());
  Source source(db);
  REQUIRE(Eventually([&] { return db.Sql("SELECT count(number) FROM source.outbox") == "30"; }));
  const auto sink = sunk.MakeSink();
  Consumer::Options options = Quick();
  options.max_batches = 20;
  std::atomic<int> prepared = 0;
  Consumer consumer(
      options, source.server.Channel(), [&](grpc::ClientContext&) { ++prepared; }, *sink);
  consumer.Start();
  REQUIRE(Eventually([&] { return consumer.position() == 30; }));
  CHECK(sunk.largest == 20);
  REQUIRE_THAT(db.Append("new"), IsOk());
  REQUIRE(Eventually([&] { return consumer.position() == 31; }));
  CHECK(sunk.Effects() == "31 31 31");
  CHECK(prepared == 1);
  consumer.Stop();
}

TEST_CASE("Consumer: each event once over restarts of consumer, streams and connections",
          "[events]") {
  OutboxDatabase db;
  Sunk sunk(db);
  Source source(db, {.max_batches = 3, .max_stream = absl::Milliseconds(40)});
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 150; ++i) {
      if (!Eventually([&] { return db.Append("x").ok(); })) std::abort();
    }
    done = true;
  });
  int rounds = 0;
  while (!done || rounds < 8) {
    const auto sink = sunk.MakeSink();
    Consumer consumer(Quick(), source.server.Channel(), kNoCredentials, *sink);
    consumer.Start();
    const int64_t aim = std::stoll(db.Sql("SELECT coalesce(max(number), 0) FROM "
                                          "source.event_positions")) +
                        4;
    Eventually([&] { return consumer.position() >= aim || done; });
    if (++rounds % 3 == 0) {
      // All database connections at work, the appliers' among them, are cut.
      db.Sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
          "AND datname = current_database() AND state <> 'idle'");
    }
  }
  writer.join();
  const auto sink = sunk.MakeSink();
  Consumer consumer(Quick(), source.server.Channel(), kNoCredentials, *sink);
  consumer.Start();
  // An append that was cut during its COMMIT may have been done and written again: count the rows.
  REQUIRE(Eventually(
      [&] { return db.Sql("SELECT count(*) FROM source.outbox WHERE number IS NULL") == "0"; }));
  const std::string rows = db.Sql("SELECT max(number) FROM source.outbox");
  REQUIRE(Eventually([&] { return consumer.position() == std::stoll(rows); }));
  CHECK(sunk.Effects() == rows + " " + rows + " " + rows);
  CHECK(std::stoll(rows) >= 150);
}

TEST_CASE("Consumer: two replicas apply each event once", "[events]") {
  OutboxDatabase db;
  Sunk sunk(db);
  Source source(db, {.max_batches = 2});
  const auto sink_a = sunk.MakeSink();
  const auto sink_b = sunk.MakeSink();
  Consumer a(Quick(), source.server.Channel(), kNoCredentials, *sink_a);
  Consumer b(Quick(), source.server.Channel(), kNoCredentials, *sink_b);
  a.Start();
  b.Start();
  for (int i = 0; i < 60; ++i) REQUIRE_THAT(db.Append("x"), IsOk());
  REQUIRE(Eventually([&] { return a.position() == 60 && b.position() == 60; }, absl::Seconds(60)));
  CHECK(sunk.Effects() == "60 60 60");
}

TEST_CASE("Consumer: a batch that is refused comes again, none behind it passes", "[events]") {
  OutboxDatabase db;
  Sunk sunk(db);
  sunk.refuse = 3;
  Source source(db, {.max_batches = 1});
  const auto sink = sunk.MakeSink();
  Consumer consumer(Quick(), source.server.Channel(), kNoCredentials, *sink);
  for (int i = 0; i < 3; ++i) REQUIRE_THAT(db.Append("x"), IsOk());
  consumer.Start();
  REQUIRE(Eventually([&] { return consumer.position() == 3; }));
  CHECK(sunk.Effects() == "3 3 3");
  CHECK(source.server.calls() >= 4);
}

// A sink in memory.
class Memory : public Sink {
 public:
  absl::StatusOr<int64_t> Position(absl::Time) override { return position.load(); }
  absl::Status Apply(absl::Span<const v1::NumberedBatch* const> batches, absl::Time) override {
    position = batches.back()->number();
    return absl::OkStatus();
  }
  std::atomic<int64_t> position = 0;
};

TEST_CASE("Consumer: numbers that do not follow are never applied", "[events]") {
  Server server([](grpc::ServerContext*, const v1::ReadEventsRequest& request,
                   grpc::ServerWriter<v1::ReadEventsResponse>* writer) {
    v1::ReadEventsResponse response;
    response.add_batches()->set_number(request.from_number() + 1);
    writer->Write(response);
    return absl::OkStatus();
  });
  Memory memory;
  Consumer consumer(Quick(), server.Channel(), kNoCredentials, memory);
  consumer.Start();
  REQUIRE(Eventually([&] { return server.calls() >= 3; }));
  consumer.Stop();
  CHECK(memory.position == 0);
}

TEST_CASE("Consumer: one that came later begins with the oldest that is left, then none is passed",
          "[events]") {
  OutboxDatabase db;
  Sunk sunk(db);
  Source source(db);
  for (int i = 0; i < 30; ++i) REQUIRE_THAT(db.Append("old"), IsOk());
  REQUIRE(Eventually([&] { return db.Sql("SELECT count(number) FROM source.outbox") == "30"; }));
  db.Sql("DELETE FROM source.outbox WHERE number <= 25");
  db.Sql("UPDATE source.event_trimming SET trimmed_number = 25");
  const auto strict = sunk.MakeSink();
  Consumer::Options options = Quick();
  options.consumer = "late";
  {
    Consumer refused(options, source.server.Channel(), kNoCredentials, *strict);
    refused.Start();
    REQUIRE(Eventually([&] { return source.server.calls() >= 2; }));
    CHECK(refused.position() == 0);
  }
  options.from_oldest = true;
  const auto sink = sunk.MakeSink(/*from_oldest=*/true);
  Consumer consumer(options, source.server.Channel(), kNoCredentials, *sink);
  consumer.Start();
  REQUIRE(Eventually([&] { return consumer.position() == 30; }));
  CHECK(sunk.Effects() == "5 5 30");
  REQUIRE_THAT(db.Append("new"), IsOk());
  REQUIRE(Eventually([&] { return consumer.position() == 31; }));
  consumer.Stop();
  // From now on it follows like any other.
  const auto gap = [&] {
    v1::NumberedBatch batch;
    batch.set_number(33);
    const std::vector<const v1::NumberedBatch*> batches = {&batch};
    return sink->Apply(batches, In());
  };
  CHECK_THAT(gap(), ReasonIs("EVENT_POSITION_MOVED"));
}

TEST_CASE("Consumer: a stream without a sign of life is cut and opened anew", "[events]") {
  Server server([&](grpc::ServerContext* context, const v1::ReadEventsRequest&,
                    grpc::ServerWriter<v1::ReadEventsResponse>*) {
    Eventually([&] { return context->IsCancelled(); });
    return absl::OkStatus();
  });
  Memory memory;
  Consumer::Options options = Quick();
  options.silence = absl::Milliseconds(50);
  Consumer consumer(options, server.Channel(), kNoCredentials, memory);
  consumer.Start();
  CHECK(Eventually([&] { return server.calls() >= 3; }));
  consumer.Stop();
}

TEST_CASE("Consumer: Stop ends an open stream at once", "[events]") {
  Server server([&](grpc::ServerContext* context, const v1::ReadEventsRequest&,
                    grpc::ServerWriter<v1::ReadEventsResponse>*) {
    Eventually([&] { return context->IsCancelled(); });
    return absl::OkStatus();
  });
  Memory memory;
  Consumer consumer(Quick(), server.Channel(), kNoCredentials, memory);
  consumer.Start();
  REQUIRE(Eventually([&] { return server.calls() == 1; }));
  const absl::Time start = absl::Now();
  consumer.Stop();
  CHECK(absl::Now() - start < absl::Seconds(5));  // silence would take 10
}

}  // namespace
}  // namespace kabar::events
