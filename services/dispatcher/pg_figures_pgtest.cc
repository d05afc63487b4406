// The metrics of the whole ledger, against known situations; and what looking costs.
#include <catch2/catch.hpp>
#include <string>

#include "libs/base/clock.h"
#include "libs/metrics/metrics.h"
#include "services/dispatcher/figures.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/queue_of_lists.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct Figured : LedgerFixture {
  LedgerFigures Read() {
    const auto figures = store.ReadFigures(Deadline());
    REQUIRE_THAT(figures, IsOk());
    return *figures;
  }
};

TEST_CASE("ReadFigures: UNKNOWN, dead letters, journal and outbox", "[dispatcher]") {
  Figured f;
  CHECK(f.Read().outbox_unnumbered == 1);  // the lane's own event
  f.Enqueue(f.Messages(1, 3));
  f.Start(f.Ids(1, 2));
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT"),
            f.Ended(2, AttemptState::kAmbiguous, "TIMEOUT")});
  f.Sql(
      "INSERT INTO dead_letters (outlet_id, kind, reason, payload, state)"
      " VALUES ('toko-a', 'K', 'r', '', 1), ('', 'K', 'r', '', 2), ('', 'K', 'r', '', 4)");
  f.Sql(
      "INSERT INTO webhook_journal (received_at, bodies, size, applied) VALUES"
      " (now() - interval '90 seconds', '{a,b,c}', 3, 1), (now(), '{a}', 1, 0),"
      " (now(), '{a}', 1, 1)");
  f.Sql("UPDATE outbox SET created_at = now() - interval '40 seconds'");
  f.Sql("INSERT INTO event_consumers (name, position) VALUES ('analytics', 3)");
  f.Sql("UPDATE event_publisher SET next_number = 10");
  const LedgerFigures figures = f.Read();
  CHECK(figures.unknown == 2);
  CHECK(figures.dead_letters == 2);
  CHECK(figures.journal_waiting == 3);
  CHECK(figures.journal_oldest_s == Approx(90).margin(5));
  CHECK(figures.outbox_unnumbered == 4);
  CHECK(figures.outbox_oldest_s == Approx(40).margin(5));
  REQUIRE(figures.consumers_behind.size() == 1);
  CHECK(figures.consumers_behind[0].first == "analytics");
  CHECK(figures.consumers_behind[0].second == 6);
}

TEST_CASE("ReadFigures: the oldest message that is due in a lane that may send", "[dispatcher]") {
  Figured f;
  CHECK(f.Read().oldest_due_s == 0);
  f.AddLane("lane-2");
  f.Enqueue(f.Messages(1, 2));
  f.Enqueue(f.Messages(3, 3), "lane-2");
  f.Sql("UPDATE messages SET created_at = now() - interval '60 seconds' WHERE lane_id = 'lane'");
  f.Sql("UPDATE messages SET created_at = now() - interval '20 seconds' WHERE lane_id = 'lane-2'");
  CHECK(f.Read().oldest_due_s == Approx(60).margin(5));
  // Not those that wait for their next try, are under way, or whose lane stands still.
  SECTION("not due yet") {
    f.Sql("UPDATE messages SET not_before = now() + interval '1 hour' WHERE lane_id = 'lane'");
  }
  SECTION("due for a while") {
    f.Sql(
        "UPDATE messages SET not_before = now() - interval '5 seconds'"
        " WHERE lane_id = 'lane'");
  }
  SECTION("sent") { f.Start(f.Ids(1, 2)); }
  SECTION("paused") { REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "", f.Deadline()), IsOk()); }
  SECTION("held") { f.Sql("INSERT INTO pauses VALUES ('lane/lane', 'siti', 'x')"); }
  CHECK(f.Read().oldest_due_s == Approx(20).margin(5));
  f.Sql("UPDATE senders SET state = 2");
  CHECK(f.Read().oldest_due_s == 0);
}

TEST_CASE("FigureKeeper: shows lanes by state and every number while it is there, then nothing",
          "[dispatcher]") {
  Figured f;
  for (const char* lane : {"paused", "held", "ended"}) f.AddLane(lane);
  REQUIRE_THAT(f.store.PauseLane("toko-a", "paused", "", f.Deadline()), IsOk());
  f.Sql("INSERT INTO pauses VALUES ('lane/held', 'siti', 'x')");
  f.Sql("UPDATE lanes SET state = 3 WHERE id = 'ended'");
  QueueOfLists queue;
  {
    FigureKeeper keeper(f.store, f.store, queue, base::SystemClock());
    REQUIRE_THAT(keeper.RunOnce(), IsOk());
    const std::string text = metrics::RenderText();
    for (const char* state : {"RUNNING", "PAUSED", "HELD", "ENDING"}) {
      CHECK_THAT(
          text, Catch::Contains(absl::StrCat("kabar_dispatcher_lanes{state=\"", state, "\"} 1\n")));
    }
    CHECK_THAT(text, Catch::Contains("kabar_dispatcher_backlog_messages{sender=\"snd\"} 0"));
    CHECK_THAT(text, Catch::Contains("kabar_dispatcher_claimable_messages{sender=\"snd\"} 0"));
    CHECK_THAT(text, Catch::Contains("kabar_dispatcher_throttle_use_ratio{sender=\"snd\"} 0"));
  }
  CHECK_THAT(metrics::RenderText(), !Catch::Contains("kabar_dispatcher_lanes"));
}

class AwayStore : public PgStore {
 public:
  using PgStore::PgStore;
  absl::StatusOr<LedgerFigures> ReadFigures(absl::Time deadline) override {
    if (away) return absl::UnavailableError("postgres is away");
    return PgStore::ReadFigures(deadline);
  }
  bool away = false;
};

TEST_CASE("FigureKeeper: after three looks that failed it shows only how old the figures are",
          "[dispatcher]") {
  Figured f;
  AwayStore store(f.pool);
  QueueOfLists queue;
  FigureKeeper keeper(store, store, queue, base::SystemClock());
  const auto shows = [](const std::string& what) {
    return metrics::RenderText().find(what) != std::string::npos;
  };
  const std::string age = "\nkabar_dispatcher_figures_age_seconds ";
  REQUIRE_THAT(keeper.RunOnce(), IsOk());
  CHECK(shows(age));
  store.away = true;
  for (int i = 0; i < 2; ++i) {
    CHECK_FALSE(keeper.RunOnce().ok());
    CHECK(shows("kabar_dispatcher_lanes"));
  }
  CHECK_FALSE(keeper.RunOnce().ok());
  CHECK_FALSE(shows("kabar_dispatcher_lanes"));
  CHECK_FALSE(shows("kabar_dispatcher_backlog_messages"));
  CHECK(shows(age));
  store.away = false;
  REQUIRE_THAT(keeper.RunOnce(), IsOk());
  CHECK(shows("kabar_dispatcher_lanes"));
}

// Run by hand.
TEST_CASE("ReadFigures: cost with 5,000 open lanes", "[.cost]") {
  Figured f;
  f.Sql(
      "INSERT INTO lanes (id, outlet_id, sender_id, priority, rate, run_id, asked, fresh_for_s,"
      " max_attempts, unknown_policy, purpose, state) SELECT 'l' || i, 'toko-a', 'snd', 10, '',"
      " 'r' || i, 1, 600, 3, 1, 'DELIVERY_UPDATES', 1 FROM generate_series(1, 5000) i");
  f.Enqueue(f.Messages(1, 1000));
  f.Sql(
      "INSERT INTO lane_days (lane_id, day) SELECT 'l' || i, (SELECT day FROM lane_days LIMIT 1)"
      " FROM generate_series(1, 5000) i");
  f.Read();
  absl::Time began = absl::Now();
  for (int i = 0; i < 10; ++i) f.Read();
  WARN("ReadFigures: " << (absl::Now() - began) / 10);
  began = absl::Now();
  for (int i = 0; i < 10; ++i) REQUIRE_THAT(f.store.ListOpenLanes(f.Deadline()), IsOk());
  WARN("ListOpenLanes: " << (absl::Now() - began) / 10);
}

}  // namespace
}  // namespace kabar::dispatcher
