// What a batch costs must not grow with what else is in the ledger. The planner has no statistics
// of a day that has just begun: exactly when the morning's campaigns run.
#include <catch2/catch.hpp>
#include <pqxx/result>

#include "libs/pg/transaction.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

constexpr pg::Query kFlush{"test.flush_statistics", "SELECT pg_stat_force_next_flush()"};
constexpr pg::Query kRead{"test.rows_read",
                          "SELECT COALESCE(sum(idx_tup_fetch), 0) + COALESCE(sum(seq_tup_read), 0)"
                          " FROM pg_stat_user_tables WHERE schemaname = 'dispatcher'"
                          "  AND (relname ~ '^(messages|attempts)_' OR relname IN ('recipients', "
                          "'suppressions', 'windows'))"};

// One connection, so that all of the work is in the statistics of one session.
struct Costs : LedgerFixture {
  static pg::PoolOptions OneConnection(pg::PoolOptions options) {
    options.max_connections = 1;
    return options;
  }
  std::int64_t RowsRead() {
    std::int64_t rows = 0;
    for (const auto& query : {kFlush, kRead}) {
      REQUIRE_THAT(pg::Transact(one, "TestRowsRead", Deadline(),
                                [&](pg::Transaction& tx) {
                                  const pqxx::row row = tx.ExecOne(query);
                                  if (query.name == kRead.name) rows = row[0].as<std::int64_t>();
                                  return absl::OkStatus();
                                }),
                   IsOk());
    }
    return rows;
  }
  // Of a day that no other test uses.
  std::vector<NewMessage> BigDay(int first, int last) {
    std::vector<NewMessage> messages = Messages(first, last);
    for (NewMessage& m : messages) {
      m.id = base::MakeMessageId(day + 300, "run", m.ordinal, "1", m.contact_id, "");
    }
    return messages;
  }

  pg::Pool one{OneConnection(pool.options())};
  PgStore ledger{one};
};

TEST_CASE("Ledger: a batch reads its own rows only, in a day without statistics", "[dispatcher]") {
  constexpr int kDay = 4000;
  constexpr int kBatch = 300;
  Costs f;
  for (int n = 1; n < kDay; n += 1000) {
    REQUIRE_THAT(f.ledger.Enqueue("toko-a", "lane", f.BigDay(n, n + 999), f.Deadline()), IsOk());
  }
  // Longer than the planner makes a plan for each call.
  for (int round = 0; round < 10; ++round) {
    const int first = 1 + round * kBatch;
    const auto batch = f.BigDay(first, first + kBatch - 1);
    std::vector<std::string> ids;
    std::vector<Outcome> outcomes;
    for (int i = 0; i < kBatch; ++i) {
      ids.push_back(batch[i].id);
      outcomes.push_back(f.Accepted(first + i));
      outcomes.back().message_id = batch[i].id;
    }
    const std::int64_t before = f.RowsRead();
    REQUIRE_THAT(f.ledger.Enqueue("toko-a", "lane", batch, f.Deadline()), IsOk());
    const std::int64_t enqueued = f.RowsRead();
    const auto started =
        f.ledger.StartAttempts("lane", ids, "worker-1", absl::Minutes(1), f.Deadline());
    REQUIRE_THAT(started, IsOk());
    REQUIRE(started->started.size() == kBatch);
    const std::int64_t claimed = f.RowsRead();
    REQUIRE_THAT(f.ledger.RecordOutcomes(outcomes, f.Deadline()), IsOk());
    const std::int64_t recorded = f.RowsRead();
    CHECK(enqueued - before <= 5 * kBatch);
    CHECK(claimed - enqueued <= 5 * kBatch);
    CHECK(recorded - claimed <= 5 * kBatch);
    CHECK(recorded > before);
  }
}

// Statuses that bring user ids, and the customers' answers: a person each.
TEST_CASE("Ledger: webhooks read the rows of their own people only", "[dispatcher]") {
  constexpr int kBatch = 100;
  constexpr int kRounds = 12;
  Costs f;
  const std::vector<NewMessage> all = f.BigDay(1, kBatch * kRounds);
  for (int n = 0; n < kRounds * kBatch; n += 300) {
    const std::vector<NewMessage> some(all.begin() + n, all.begin() + n + 300);
    REQUIRE_THAT(f.ledger.Enqueue("toko-a", "lane", some, f.Deadline()), IsOk());
  }
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> ids;
    WebhookBatch statuses, answers;
    for (int i = 0; i < kBatch; ++i) {
      const int n = round * kBatch + i;
      ids.push_back(all[n].id);
      statuses.statuses.push_back(f.Status(n + 1, AttemptState::kDelivered));
      statuses.statuses.back().tag = base::FormatAttemptTag(all[n].id, 1);
      statuses.statuses.back().bsuid = absl::StrCat("ID.", n);
      answers.inbound.push_back(
          {.phone_number_id = "1001",
           .provider_id = absl::StrCat("wamid.in.", n),
           .bsuid = absl::StrCat("ID.", n),
           .context_id = i % 2 == 0 ? absl::StrCat("wamid.", n + 1, ".1") : "",
           .time = absl::Now()});
    }
    REQUIRE_THAT(f.ledger.StartAttempts("lane", ids, "worker-1", absl::Minutes(1), f.Deadline()),
                 IsOk());
    const std::int64_t before = f.RowsRead();
    REQUIRE_THAT(f.ledger.ApplyWebhooks(statuses, f.Deadline()), IsOk());
    const std::int64_t linked = f.RowsRead();
    REQUIRE_THAT(f.ledger.ApplyWebhooks(statuses, f.Deadline()), IsOk());
    const std::int64_t applied = f.RowsRead();
    REQUIRE_THAT(f.ledger.ApplyWebhooks(answers, f.Deadline()), IsOk());
    const std::int64_t answered = f.RowsRead();
    CHECK(linked - before <= 6 * kBatch);
    CHECK(applied - linked <= 5 * kBatch);
    CHECK(answered - applied <= 15 * kBatch);
    CHECK(linked > before);
  }
  CHECK(f.Sql("SELECT count(*) FROM windows") == absl::StrCat(2 * kRounds * kBatch));
}

}  // namespace
}  // namespace kabar::dispatcher
