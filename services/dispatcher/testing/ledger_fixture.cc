#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/consent_sink.h"

#include <pqxx/result>

#include "libs/pg/migration.h"
#include "libs/pg/transaction.h"
#include "libs/testing/private_postgres.h"
#include "services/dispatcher/migrations.h"

namespace kabar::dispatcher {
namespace {

// Partitions stay: deleting through their parents empties them.
constexpr char kEmpty[] = R"(
  DO $$ DECLARE t text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'dispatcher'
             AND tablename NOT IN ('schema_migrations', 'event_publisher', 'event_trimming',
                                   'recipient_key')
             AND tablename !~ '_[0-9]{8}$' LOOP
      EXECUTE format('DELETE FROM dispatcher.%I', t);
    END LOOP;
    UPDATE dispatcher.event_publisher SET next_number = 1;
    UPDATE dispatcher.event_trimming SET trimmed_number = 0;
  END $$)";

constexpr pg::Query kReadEvents{"test.events", "SELECT batch FROM outbox ORDER BY id"};
constexpr pg::Query kCountStates{"test.count",
                                 "SELECT state, count(*) FROM messages GROUP BY state"};

pg::PoolOptions MakeDatabase() {
  pg::PoolOptions options;
  options.connection = WithPlannerSettings(testing::TestPostgres().CreateDatabase());
  options.schema = "dispatcher";
  options.max_connections = 16;
  REQUIRE_THAT(pg::Migrate(options, DispatcherMigrations(), absl::Now() + absl::Minutes(1)),
               testing::IsOk());
  return options;
}

}  // namespace

pg::PoolOptions LedgerFixture::NewDatabase() {
  static const pg::PoolOptions shared = MakeDatabase();
  pg::Pool pool(shared);
  REQUIRE_THAT(pg::Transact(pool, "TestEmpty", Deadline(),
                            [](pg::Transaction& tx) {
                              tx.ExecScript("test.empty", kEmpty);
                              return absl::OkStatus();
                            }),
               testing::IsOk());
  return shared;
}

std::string LedgerFixture::Sql(const std::string& sql) {
  std::string value;
  REQUIRE_THAT(pg::Transact(pool, "TestSql", Deadline(),
                            [&](pg::Transaction& tx) {
                              const pqxx::result rows = tx.ExecDynamic("test.sql", sql, {});
                              if (!rows.empty() && rows.columns() > 0) {
                                value = rows[0][0].is_null() ? "" : rows[0][0].c_str();
                              }
                              return absl::OkStatus();
                            }),
               testing::IsOk());
  return value;
}

std::vector<events::v1::Event> LedgerFixture::Events() {
  std::vector<events::v1::Event> events;
  REQUIRE_THAT(pg::Transact(pool, "TestEvents", Deadline(),
                            [&](pg::Transaction& tx) {
                              events.clear();
                              for (const pqxx::row& row : tx.Exec(kReadEvents)) {
                                events::v1::EventBatch batch;
                                REQUIRE(batch.ParseFromString(pg::BytesField(row[0])));
                                for (auto& event : *batch.mutable_events()) {
                                  events.push_back(std::move(event));
                                }
                              }
                              return absl::OkStatus();
                            }),
               testing::IsOk());
  return events;
}

std::map<std::string, int> LedgerFixture::CountedStates() {
  std::map<std::string, int> states;
  REQUIRE_THAT(pg::Transact(pool, "TestCount", Deadline(),
                            [&](pg::Transaction& tx) {
                              for (const pqxx::row& row : tx.Exec(kCountStates)) {
                                const auto state = static_cast<MessageState>(row[0].as<int>());
                                states[std::string(Name(state))] = row[1].as<int>();
                              }
                              return absl::OkStatus();
                            }),
               testing::IsOk());
  return states;
}

void LedgerFixture::OptOut(const std::string& phone, const std::string& bsuid,
                           const std::string& purpose) {
  events::v1::NumberedBatch batch;
  batch.set_number(++consents);
  events::v1::Event& event = *batch.mutable_batch()->add_events();
  event.set_outlet_id("toko-a");
  event.mutable_consent_changed()->set_phone(phone);
  event.mutable_consent_changed()->set_bsuid(bsuid);
  event.mutable_consent_changed()->set_purpose(purpose);
  event.mutable_consent_changed()->set_opted_out(true);
  const events::v1::NumberedBatch* const batches[] = {&batch};
  REQUIRE_THAT(MakeConsentSink(pool)->Apply(batches, Deadline()), testing::IsOk());
}

}  // namespace kabar::dispatcher
