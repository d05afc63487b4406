// What is deleted for its age, and what is kept however old it is. The clock is moved on, not the
// rows back.
#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/message_id.h"
#include "libs/testing/fake_clock.h"
#include "services/dispatcher/retention.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/open_transaction.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

constexpr absl::Duration kDay = absl::Hours(24);

struct Old : LedgerFixture {
  void Run(absl::Duration from_now) {
    testing::FakeClock clock(absl::Now() + from_now);
    Retention retention(store, 400 * kDay, clock);
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = retention.RunOnce();
    REQUIRE_THAT(more, IsOk());
  }
  bool HasDay() {
    const auto days = store.ListLedgerDays(Deadline());
    REQUIRE_THAT(days, IsOk());
    return std::find(days->begin(), days->end(), day) != days->end();
  }
  // Everything sent, the lane closed.
  void SendAll() {
    Enqueue(Messages(1, 3));
    Start(Ids(1, 3));
    Record({Accepted(1), Accepted(2), Accepted(3)});
    REQUIRE_THAT(store.FinishLane("toko-a", "lane", Deadline()), IsOk());
    REQUIRE_THAT(store.CloseLanes(Deadline()), IsOk());
    REQUIRE(LaneStateOf("lane") == LaneState::kClosed);
  }
};

TEST_CASE("Retention: a day of the ledger goes when it is old, and not before",
          "[dispatcher][retention]") {
  Old f;
  f.SendAll();
  f.Run(399 * kDay);
  CHECK(f.HasDay());
  CHECK(f.State(1) == MessageState::kSent);
  f.Run(402 * kDay);
  CHECK_FALSE(f.HasDay());
  CHECK_THAT(f.store.GetMessage("toko-a", f.Id(1), f.Deadline()), ReasonIs("MESSAGE_NOT_FOUND"));
  CHECK(f.Sql("SELECT count(*) FROM attempts") == "0");
  CHECK(f.Sql("SELECT count(*) FROM lane_days") == "0");
  // The lane stands, but is counted no more.
  CHECK(f.LaneStateOf("lane") == LaneState::kClosed);
  CHECK_THAT(f.store.RecountLane("toko-a", "lane", 0, f.Deadline()), ReasonIs("LANE_ROWS_DELETED"));
  const auto retried = f.store.RetryFailed("toko-a", "lane", {}, f.Deadline());
  REQUIRE_THAT(retried, IsOk());
  CHECK(retried->retried == 0);
}

// A repeated Enqueue would find its messages new and send them again.
TEST_CASE("Retention: a day that was deleted does not come again, whoever has known it",
          "[dispatcher][retention]") {
  Old f;
  PgStore other(f.pool);
  const absl::CivilDay old = f.day - 30;
  NewMessage message = f.Message(1);
  message.id = base::MakeMessageId(old, "run", 1, "1", message.contact_id, "");
  const auto enqueue = [&](PgStore& by) {
    return by.Enqueue("toko-a", "lane", {message}, f.Deadline()).status();
  };
  REQUIRE_THAT(enqueue(f.store), IsOk());
  REQUIRE_THAT(enqueue(other), IsOk());
  f.Sql("UPDATE messages SET state = 3");
  f.Sql("UPDATE lane_days SET open = false");
  REQUIRE(*f.store.DeleteLedgerDay(old, absl::Now() + kDay, f.Deadline()));
  CHECK_THAT(enqueue(f.store), ReasonIs("LEDGER_DAY_DELETED"));
  CHECK_THAT(enqueue(other), ReasonIs("LEDGER_DAY_DELETED"));  // takes it for known
  CHECK_THAT(enqueue(other), ReasonIs("LEDGER_DAY_DELETED"));
  // Another old day may begin: what an automation planned long ago.
  message.id = base::MakeMessageId(f.day - 730, "run", 1, "1", message.contact_id, "");
  CHECK_THAT(enqueue(other), IsOk());
}

TEST_CASE("Retention: a lane that lost messages before is looked at as any other",
          "[dispatcher][retention]") {
  Old f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Ended(1, AttemptState::kFailed, "GRAPH_131026")});
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  f.Sql("UPDATE lanes SET rows_deleted = true");
  // A person sends its failures again, at this very moment.
  OpenTransaction retry(f.pool, [&](pg::Transaction& tx) {
    tx.ExecScript("TestRetry",
                  "UPDATE messages SET state = 1;"
                  "INSERT INTO requeued (lane_id, day, message_id)"
                  " SELECT lane_id, day, id FROM messages");
  });
  absl::StatusOr<bool> deleted = true;
  std::jthread keeper(
      [&] { deleted = f.store.DeleteLedgerDay(f.day, absl::Now() + kDay, f.Deadline()); });
  AwaitBlocked(f);
  retry.Commit();
  keeper.join();
  CHECK_THAT(deleted, IsOk());
  CHECK(f.HasDay());
  CHECK(f.State(1) == MessageState::kQueued);
}

TEST_CASE("Retention: a day with work in it is kept", "[dispatcher][retention]") {
  Old f;
  SECTION("queued, in a lane that is paused") {
    f.Enqueue(f.Messages(1, 1));
    REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "", f.Deadline()), IsOk());
  }
  SECTION("queued again") {
    f.Enqueue(f.Messages(1, 1));
    f.Start({f.Id(1)});
    f.Record({f.Accepted(1)});
    REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());  // the mark passes it
    f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131000")});
    REQUIRE(f.State(1) == MessageState::kQueued);
  }
  SECTION("UNKNOWN, for a person to decide") {
    f.Enqueue(f.Messages(1, 1));
    f.Start({f.Id(1)});
    f.Record({f.Ended(1, AttemptState::kAmbiguous)});
    REQUIRE(f.State(1) == MessageState::kUnknown);
    REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  }
  SECTION("cancelled, and not all of it is in its final state") {
    f.SendAll();
    f.Sql("UPDATE lanes SET state = 3, drained = false");
  }
  f.Run(402 * kDay);
  CHECK(f.HasDay());
}

TEST_CASE("Retention: a day of a lane that never ends goes when nothing of it is open",
          "[dispatcher][retention]") {
  Old f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Accepted(1)});
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  REQUIRE(f.LaneStateOf("lane") == LaneState::kRunning);
  f.Run(402 * kDay);
  CHECK_FALSE(f.HasDay());
}

TEST_CASE("Retention: what was changed lately is kept with its day", "[dispatcher][retention]") {
  Old f;
  f.SendAll();
  const absl::Time then = absl::Now() + absl::Minutes(1);
  CHECK_FALSE(*f.store.DeleteLedgerDay(f.day, then - kDay, f.Deadline()));
  CHECK(f.State(1) == MessageState::kSent);
  CHECK(*f.store.DeleteLedgerDay(f.day, then, f.Deadline()));
}

TEST_CASE("Retention: does not wait for who works on the ledger", "[dispatcher][retention]") {
  Old f;
  f.SendAll();
  OpenTransaction at_work(f.pool, [&](pg::Transaction& tx) {
    tx.ExecScript("TestRead", "SELECT count(*) FROM messages");
  });
  f.Run(402 * kDay);
  CHECK(f.HasDay());
  CHECK(f.Sql("SELECT count(*) FROM lane_days") == "1");
  at_work.Commit();
  f.Run(402 * kDay);
  CHECK_FALSE(f.HasDay());
}

TEST_CASE("Retention: customers' messages, and dead letters that were dealt with",
          "[dispatcher][retention]") {
  Old f;
  InboundMessage yes;
  yes.phone_number_id = "1001";
  yes.provider_id = "in.1";
  yes.phone = "+628111";
  f.Apply({}, {yes});
  f.Sql(
      "INSERT INTO dead_letters (outlet_id, kind, reason, payload, phone_number_id, state)"
      " SELECT 'toko-a', 'WEBHOOK_MALFORMED', n::text, '', '', n FROM generate_series(1, 4) n");
  f.Run(399 * kDay);
  CHECK(f.Sql("SELECT count(*) FROM inbound") == "1");
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "4");
  f.Run(401 * kDay);
  CHECK(f.Sql("SELECT count(*) FROM inbound") == "0");
  CHECK(f.Sql("SELECT string_agg(state::text, ' ' ORDER BY state) FROM dead_letters") == "1 2");
}

}  // namespace
}  // namespace kabar::dispatcher
