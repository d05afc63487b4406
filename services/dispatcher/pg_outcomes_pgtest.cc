#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct Sending : LedgerFixture {
  Sending() {
    Enqueue(Messages(1, 4));
    Start(Ids(1, 4));
  }
};

TEST_CASE("RecordOutcomes: accepted becomes SENT with the provider's id", "[dispatcher]") {
  Sending f;
  CHECK(f.Record({f.Accepted(1), f.Accepted(2)}).empty());
  CHECK(f.State(1) == MessageState::kSent);
  CHECK(f.Get(1).provider_id == "wamid.1.1");
  CHECK(f.Get(1).revision == 3);
  CHECK(f.State(3) == MessageState::kSending);
  // The same outcomes again change nothing.
  f.Record({f.Accepted(1), f.Accepted(2)});
  CHECK(f.Get(1).revision == 3);
  CHECK(f.Story(1) == std::vector<std::string>{"NONE>QUEUED", "QUEUED>SENDING", "SENDING>SENT"});
}

TEST_CASE("RecordOutcomes: what came back unsent is queued again and costs no try",
          "[dispatcher]") {
  Sending f;
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const auto requeued = f.Record({f.Ended(1, AttemptState::kReturned, "TOO_LATE", attempt)});
    REQUIRE(requeued.size() == 1);
    CHECK(requeued[0].lane_id == "lane");
    CHECK(requeued[0].entry.message_id == f.Id(1));
    CHECK(f.State(1) == MessageState::kQueued);
    const StartResult again = f.Start({f.Id(1)});
    REQUIRE(again.started.size() == 1);
    CHECK(again.started[0].attempt == attempt + 1);
  }
}

TEST_CASE("RecordOutcomes: failures are tried again until the tries are used up", "[dispatcher]") {
  Sending f;
  Outcome failed = f.Ended(1, AttemptState::kFailed, "GRAPH_130429");
  failed.retry = true;
  failed.not_before = absl::Now() + absl::Hours(1);
  auto requeued = f.Record({failed});
  REQUIRE(requeued.size() == 1);
  CHECK(requeued[0].entry.not_before > absl::Now() + absl::Minutes(59));
  CHECK(f.Start({f.Id(1)}).not_due.size() == 1);
  CHECK(f.Get(1).reason == "GRAPH_130429");

  failed.not_before = absl::InfinitePast();
  for (int attempt = 2; attempt <= 3; ++attempt) {
    f.Sql("UPDATE messages SET not_before = NULL");
    REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
    failed.attempt = attempt;
    requeued = f.Record({failed});
  }
  CHECK(requeued.empty());
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "GRAPH_130429");
  CHECK(f.Get(1).attempt == 3);
}

TEST_CASE("RecordOutcomes: a window that the provider calls closed is closed", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 2));
  f.Sql(
      "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
      " SELECT 'snd', recipient_id, now() FROM messages");
  REQUIRE(f.Start(f.Ids(1, 2)).started[0].window_open);
  Outcome refused = f.Ended(1, AttemptState::kFailed, "GRAPH_131047");
  refused.retry = true;
  refused.action = OutcomeAction::kCloseWindow;
  REQUIRE(f.Record({refused}).size() == 1);
  const StartResult again = f.Start({f.Id(1)});
  REQUIRE(again.started.size() == 1);
  CHECK_FALSE(again.started[0].window_open);  // as a template this time
  CHECK(f.Sql("SELECT count(*) FROM windows") == "1");
}

TEST_CASE("RecordOutcomes: who is to be left alone gets nothing for a day", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  Outcome limited = f.Ended(1, AttemptState::kFailed, "GRAPH_131049");
  limited.action = OutcomeAction::kRest24h;
  f.Record({limited});
  NewMessage next = f.Message(1);
  next.id = f.Id(1, "next-run");
  CHECK(f.Enqueue({next}).to_push.empty());
  CHECK(f.store.GetMessage("toko-a", next.id, f.Deadline())->reason == "GRAPH_131049");
  f.Sql("UPDATE suppressions SET until = until - interval '24 hours'");
  next.id = f.Id(1, "a-day-later");
  CHECK(f.Enqueue({next}).to_push.size() == 1);
}

TEST_CASE("RecordOutcomes: what the error table asks for is done with the outcome",
          "[dispatcher]") {
  Sending f;
  f.AddSender("snd-2", "1002");
  REQUIRE_THAT(
      f.store.CreatePortfolio({.id = "pf-2", .outlet_id = "toko-a", .name = "B"}, {}, f.Deadline()),
      IsOk());
  Sender elsewhere = *f.store.GetSender("toko-a", "snd", f.Deadline());
  elsewhere.id = "snd-3";
  elsewhere.portfolio_id = "pf-2";
  elsewhere.phone_number_id = "1003";
  REQUIRE_THAT(f.store.CreateSender(elsewhere, {}, f.Deadline()), IsOk());
  const auto senders = [&] {
    return f.Sql(
        "SELECT string_agg(id || '=' || state || ' ' || state_reason, ', ' ORDER BY id)"
        " FROM senders");
  };
  Outcome outcome = f.Ended(1, AttemptState::kReturned, "GRAPH_1");
  Outcome failed = f.Ended(2, AttemptState::kFailed, "GRAPH_2");

  SECTION("one number pauses; stopped is not softened to paused") {
    outcome.action = OutcomeAction::kPauseSender;
    f.Record({outcome});
    CHECK(senders() == "snd=2 GRAPH_1, snd-2=1 , snd-3=1 ");
    failed.action = OutcomeAction::kStopSender;
    f.Record({failed});
    f.Record({outcome});
    CHECK(senders() == "snd=3 GRAPH_2, snd-2=1 , snd-3=1 ");
  }
  SECTION("the account: every number of the portfolio, and no other") {
    outcome.action = OutcomeAction::kStopPortfolio;
    f.Record({outcome});
    CHECK(senders() == "snd=3 GRAPH_1, snd-2=3 GRAPH_1, snd-3=1 ");
  }
  SECTION("the campaign: its lane pauses, with an event") {
    failed.action = OutcomeAction::kPauseLane;
    f.Record({outcome, failed, f.Accepted(3)});
    CHECK(f.LaneStateOf("lane") == LaneState::kPaused);
    CHECK(f.State(3) == MessageState::kSent);
    CHECK(f.Start({f.Id(1)}).started.empty());
    const auto changes = [&] {
      const auto events = f.Events();
      return std::count_if(events.begin(), events.end(), [](const auto& event) {
        return event.has_lane_changed() &&
               event.lane_changed().to() == static_cast<int>(LaneState::kPaused);
      });
    };
    CHECK(changes() == 1);
    f.Record({failed});  // a commit in doubt, repeated
    CHECK(changes() == 1);
  }
  SECTION("a lane that is over stays so") {
    REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
    failed.action = OutcomeAction::kPauseLane;
    f.Record({failed});
    CHECK(f.LaneStateOf("lane") == LaneState::kCancelled);
  }
  SECTION("an opt-out of marketing") {
    failed.action = OutcomeAction::kOptOut;
    f.Record({failed});
    CHECK(f.Sql("SELECT purpose || ' ' || source || ' ' || reason FROM suppressions") ==
          "MARKETING provider GRAPH_2");
  }
}

TEST_CASE("RecordOutcomes: pausing batches of several lanes do not deadlock", "[dispatcher]") {
  LedgerFixture f;
  f.AddLane("lane-2");
  f.Enqueue(f.Messages(1, 100), "lane");
  f.Enqueue(f.Messages(101, 200), "lane-2");
  f.Start(f.Ids(1, 100), "lane");
  f.Start(f.Ids(101, 200), "lane-2");
  std::vector<Outcome> one, two;
  for (int n = 1; n <= 50; ++n) {
    one.push_back(f.Ended(n, AttemptState::kFailed, "GRAPH_132001"));
    one.push_back(f.Accepted(150 + n));
    two.push_back(f.Ended(100 + n, AttemptState::kFailed, "GRAPH_132001"));
    two.push_back(f.Accepted(50 + n));
    one[one.size() - 2].action = two[two.size() - 2].action = OutcomeAction::kPauseLane;
  }
  absl::Status first, second;
  std::thread a([&] { first = f.store.RecordOutcomes(one, f.Deadline()).status(); });
  std::thread b([&] { second = f.store.RecordOutcomes(two, f.Deadline()).status(); });
  a.join();
  b.join();
  CHECK_THAT(first, IsOk());
  CHECK_THAT(second, IsOk());
  CHECK(f.LaneStateOf("lane") == LaneState::kPaused);
  CHECK(f.LaneStateOf("lane-2") == LaneState::kPaused);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("RecordOutcomes: final failures and ambiguous ends", "[dispatcher]") {
  Sending f;
  CHECK(f.Record({f.Ended(1, AttemptState::kFailed, "GRAPH_131026"),
                  f.Ended(2, AttemptState::kAmbiguous, "TIMEOUT")})
            .empty());
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "GRAPH_131026");
  CHECK(f.State(2) == MessageState::kUnknown);
  CHECK(f.Get(2).reason == "TIMEOUT");
  CHECK(f.Sql("SELECT count(*) FROM unknowns") == "1");
  // Nobody sends what may have been sent.
  CHECK(f.Start({f.Id(1), f.Id(2)}).started.empty());
}

TEST_CASE("RecordOutcomes: in a lane that is over, queued again means its final state",
          "[dispatcher]") {
  Sending f;
  SECTION("cancelled") {
    REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
    CHECK(f.Record({f.Ended(1, AttemptState::kReturned)}).empty());
    CHECK(f.State(1) == MessageState::kCancelled);
    CHECK(f.Story(1).back() == "SENDING>CANCELLED");
  }
  SECTION("past its end time, before anybody noticed") {
    f.Sql("UPDATE lanes SET end_time = clock_timestamp()");
    CHECK(f.Record({f.Ended(1, AttemptState::kReturned)}).empty());
    CHECK(f.State(1) == MessageState::kExpired);
  }
  // What was sent was sent.
  f.Record({f.Accepted(2)});
  CHECK(f.State(2) == MessageState::kSent);
}

TEST_CASE("RecordOutcomes: after the webhook only the provider's id is added", "[dispatcher]") {
  Sending f;
  StatusChange delivered = f.Status(1, AttemptState::kDelivered);
  delivered.provider_id.clear();
  f.Apply({delivered});
  CHECK(f.State(1) == MessageState::kDelivered);
  f.Record({f.Accepted(1)});
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.Get(1).provider_id == "wamid.1.1");
}

TEST_CASE("RecordOutcomes: a late outcome settles what was rescued", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 4));
  f.Start(f.Ids(1, 4), "lane", absl::ZeroDuration());
  REQUIRE(*f.store.RescueExpired(10, f.Deadline()) == 4);
  CHECK(f.State(1) == MessageState::kUnknown);
  const auto requeued = f.Record({f.Accepted(1), f.Ended(2, AttemptState::kReturned),
                                  f.Ended(3, AttemptState::kFailed, "GRAPH_131026"),
                                  f.Ended(4, AttemptState::kAmbiguous, "TIMEOUT")});
  CHECK(f.State(1) == MessageState::kSent);
  CHECK(f.State(2) == MessageState::kQueued);
  CHECK(requeued.size() == 1);
  CHECK(f.State(3) == MessageState::kFailed);
  CHECK(f.State(4) == MessageState::kUnknown);
  CHECK(f.Sql("SELECT count(*) FROM unknowns") == "1");
  CHECK(f.Start({f.Id(2)}).started.size() == 1);
}

TEST_CASE("RecordOutcomes: acceptance of an earlier attempt cancels the retry", "[dispatcher]") {
  Sending f;
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT")});
  f.Sql(
      "UPDATE unknowns SET since = now() - interval '1 hour', sent_by = now() - interval '1 hour'");
  f.Record({f.Accepted(2)});
  f.Apply({f.Status(2, AttemptState::kAccepted)});
  REQUIRE(f.store.SettleUnknown(absl::Minutes(2), 10, f.Deadline())->size() == 1);
  CHECK(f.State(1) == MessageState::kQueued);
  SECTION("while it is queued") {
    f.Record({f.Accepted(1)});
    CHECK(f.State(1) == MessageState::kSent);
    CHECK(f.Start({f.Id(1)}).started.empty());
  }
  SECTION("while it is on its way: the message counts as sent whatever comes of the second") {
    REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
    f.Record({f.Accepted(1)});
    CHECK(f.State(1) == MessageState::kSent);
    f.Record({f.Ended(1, AttemptState::kFailed, "GRAPH_131026", 2)});
    CHECK(f.State(1) == MessageState::kSent);
  }
}

TEST_CASE("RecordOutcomes: unknown messages and attempts are refused alone", "[dispatcher]") {
  Sending f;
  Outcome nobody = f.Accepted(99);
  f.Record({nobody, f.Accepted(1, 7), f.Accepted(2)});
  CHECK(f.State(1) == MessageState::kSending);
  CHECK(f.State(2) == MessageState::kSent);
}

TEST_CASE("RecordOutcomes: two batches in opposite orders do not deadlock", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 300));
  f.Start(f.Ids(1, 300));
  std::vector<Outcome> forward, backward;
  for (int n = 1; n <= 300; ++n) forward.push_back(f.Accepted(n));
  backward.assign(forward.rbegin(), forward.rend());
  absl::Status one, two;
  std::thread a([&] { one = f.store.RecordOutcomes(forward, f.Deadline()).status(); });
  std::thread b([&] { two = f.store.RecordOutcomes(backward, f.Deadline()).status(); });
  a.join();
  b.join();
  CHECK_THAT(one, IsOk());
  CHECK_THAT(two, IsOk());
  CHECK(f.CountedStates() == std::map<std::string, int>{{"SENT", 300}});
  CHECK(f.FoldedStates() == f.CountedStates());
}

}  // namespace
}  // namespace kabar::dispatcher
