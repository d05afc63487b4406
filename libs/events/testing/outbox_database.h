// For the tests of this folder: a fresh database with an outbox and positions, and ways to write
// and read events by a plain text each.
//
// Thread safety: one test's threads may append at once. Blocks: as PostgreSQL. Errors: fail the
// test.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/migrations.h"
#include "libs/events/outbox.h"
#include "libs/pg/transaction.h"
#include "libs/testing/eventually.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::events::testing {

using kabar::testing::Eventually;
using kabar::testing::IsOk;
using kabar::testing::PrivatePostgres;
using kabar::testing::ReasonIs;
using kabar::testing::StatusIs;
using kabar::testing::TestPostgres;

inline absl::Time In(absl::Duration d = absl::Seconds(20)) { return absl::Now() + d; }

inline v1::EventBatch BatchOf(const std::string& text) {
  v1::EventBatch batch;
  batch.add_events()->set_outlet_id(text);
  return batch;
}

inline std::string TextOf(const v1::NumberedBatch& batch) {
  return batch.batch().events(0).outlet_id();
}

// What a consumer makes of a response that a Reader wrote.
inline v1::ReadEventsResponse OverTheWire(const v1::ReadEventsResponse& written) {
  v1::ReadEventsResponse received;
  REQUIRE(received.ParseFromString(written.SerializeAsString()));
  return received;
}

// "3:text 4:text" of what a reader got.
inline std::string Show(const v1::ReadEventsResponse& response) {
  std::string shown;
  for (const v1::NumberedBatch& batch : response.batches()) {
    if (!shown.empty()) shown += " ";
    shown += std::to_string(batch.number()) + ":" + TextOf(batch);
  }
  return shown;
}

class OutboxDatabase {
 public:
  explicit OutboxDatabase(PrivatePostgres& server = TestPostgres())
      : server_(server),
        connection_(server.CreateDatabase()),
        pool_({.connection = connection_, .schema = "source", .max_connections = 16}) {
    REQUIRE_THAT(pg::Migrate(pool_.options(), EventsMigrations()), IsOk());
  }

  pg::Pool& pool() { return pool_; }

  // In the database, with the schema in front: "SELECT count(*) FROM source.outbox".
  std::string Sql(const std::string& sql) { return server_.Sql(connection_, sql); }

  absl::Status Append(const std::string& text) {
    return pg::Transact(pool_, "Append", In(),
                        [&](pg::Transaction& tx) { return AppendToOutbox(tx, BatchOf(text)); });
  }

 private:
  PrivatePostgres& server_;
  const std::string connection_;
  pg::Pool pool_;
};

}  // namespace kabar::events::testing
