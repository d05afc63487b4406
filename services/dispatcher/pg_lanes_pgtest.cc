#include <catch2/catch.hpp>
#include <thread>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

// The lane events so far, "RUNNING>PAUSED".
std::vector<std::string> LaneStory(LedgerFixture& f, const std::string& lane = "lane") {
  std::vector<std::string> story;
  for (const events::v1::Event& event : f.Events()) {
    if (!event.has_lane_changed() || event.lane_changed().lane_id() != lane) continue;
    story.push_back(absl::StrCat(Name(static_cast<LaneState>(event.lane_changed().from())), ">",
                                 Name(static_cast<LaneState>(event.lane_changed().to()))));
  }
  return story;
}

TEST_CASE("CreateLane: the same id again answers the lane as it is", "[dispatcher]") {
  LedgerFixture f;
  REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "wait", f.Deadline()), IsOk());
  Lane other = f.NewLane("lane");
  other.asked = 7;
  const auto lane = f.store.CreateLane(other, f.Deadline());
  REQUIRE_THAT(lane, IsOk());
  CHECK(lane->state == LaneState::kPaused);
  CHECK(lane->state_reason == "wait");
  CHECK(lane->asked == 1000);
  CHECK(LaneStory(f) == std::vector<std::string>{"NONE>RUNNING", "RUNNING>PAUSED"});

  other.outlet_id = "toko-b";
  CHECK_THAT(f.store.CreateLane(other, f.Deadline()), ReasonIs("SENDER_NOT_FOUND"));
  other = f.NewLane("new");
  other.sender_id = "nobody";
  CHECK_THAT(f.store.CreateLane(other, f.Deadline()), ReasonIs("SENDER_NOT_FOUND"));
}

TEST_CASE("CreateLane: keeps every setting", "[dispatcher]") {
  LedgerFixture f;
  Lane wanted = f.NewLane("all");
  wanted.priority = 3;
  wanted.rate = base::Rate{.limit = 10, .window = absl::Seconds(7), .max_burst = 2};
  wanted.end_time = absl::FromUnixMicros(1999999999123456);
  wanted.fresh_for = absl::Seconds(33);
  wanted.max_attempts = 5;
  wanted.unknown_policy = UnknownPolicy::kHold;
  wanted.purpose = "MARKETING";
  REQUIRE_THAT(f.store.CreateLane(wanted, f.Deadline()), IsOk());
  const auto lane = f.store.GetLane("toko-a", "all", f.Deadline());
  REQUIRE_THAT(lane, IsOk());
  CHECK(lane->portfolio_id == "pf");
  CHECK(lane->priority == 3);
  CHECK(lane->rate == wanted.rate);
  CHECK(lane->end_time == wanted.end_time);
  CHECK(lane->fresh_for == absl::Seconds(33));
  CHECK(lane->max_attempts == 5);
  CHECK(lane->unknown_policy == UnknownPolicy::kHold);
  CHECK(lane->purpose == "MARKETING");
  CHECK(lane->rate_per_s == Approx(10.0 / 7));
  CHECK(f.store.ListOpenLanes(f.Deadline())->size() == 2);
}

TEST_CASE("Lane verbs: right states, idempotent, refused in wrong ones", "[dispatcher]") {
  LedgerFixture f;
  const auto deadline = f.Deadline();
  f.Enqueue({f.Message(9)});
  f.Start({f.Id(9)});
  REQUIRE_THAT(f.store.ResumeLane("toko-a", "lane", deadline), IsOk());
  REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "a", deadline), IsOk());
  CHECK(f.store.PauseLane("toko-a", "lane", "b", deadline)->state_reason == "a");
  CHECK(f.store.ResumeLane("toko-a", "lane", deadline)->state == LaneState::kRunning);
  CHECK_THAT(f.store.PauseLane("toko-b", "lane", "", deadline), ReasonIs("LANE_NOT_FOUND"));
  CHECK_THAT(f.store.CancelLane("toko-b", "lane", deadline), ReasonIs("LANE_NOT_FOUND"));
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", deadline), IsOk());
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", deadline), IsOk());
  CHECK_THAT(f.store.PauseLane("toko-a", "lane", "", deadline), ReasonIs("LANE_CANCELLED"));
  CHECK_THAT(f.store.ResumeLane("toko-a", "lane", deadline), ReasonIs("LANE_CANCELLED"));
  CHECK_THAT(f.store.RetryFailed("toko-a", "lane", {}, deadline), ReasonIs("LANE_CANCELLED"));
  f.Record({f.Refused(9, OutcomeAction::kPauseLane, "GRAPH_132001")});
  CHECK(f.LaneStateOf("lane") == LaneState::kCancelled);
  CHECK(LaneStory(f) == std::vector<std::string>{"NONE>RUNNING", "RUNNING>PAUSED", "PAUSED>RUNNING",
                                                 "RUNNING>CANCELLED"});
}

TEST_CASE("SetLaneRate: of lanes that send, with a version that grows", "[dispatcher]") {
  LedgerFixture f;
  const base::Rate faster{.limit = 90, .window = absl::Minutes(1)};
  const auto changed = f.store.SetLaneRate("toko-a", "lane", faster, f.Deadline());
  REQUIRE_THAT(changed, IsOk());
  CHECK(changed->rate == faster);
  CHECK(changed->version == 1);
  CHECK(f.store.SetLaneRate("toko-a", "lane", faster, f.Deadline())->version == 1);
  REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "", f.Deadline()), IsOk());
  const auto free = f.store.SetLaneRate("toko-a", "lane", std::nullopt, f.Deadline());
  REQUIRE_THAT(free, IsOk());
  CHECK_FALSE(free->rate.has_value());
  CHECK(free->rate_per_s == Approx(80));  // the number's
  CHECK(free->version == 2);
  CHECK_THAT(f.store.SetLaneRate("toko-b", "lane", faster, f.Deadline()),
             ReasonIs("LANE_NOT_FOUND"));
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK_THAT(f.store.SetLaneRate("toko-a", "lane", faster, f.Deadline()),
             ReasonIs("LANE_CANCELLED"));
}

TEST_CASE("CancelLane: everything queued is CANCELLED, nothing else", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1000));
  f.Enqueue(f.Messages(1001, 1500));
  f.Start(f.Ids(1, 3));
  f.Record({f.Accepted(1)});
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK(f.CountedStates() ==
        std::map<std::string, int>{{"SENT", 1}, {"SENDING", 2}, {"CANCELLED", 1497}});
  CHECK(f.FoldedStates() == f.CountedStates());
  CHECK(f.Sql("SELECT drained FROM lanes WHERE id = 'lane'") == "t");
  // No outbox row holds more than 1,000 events.
  CHECK(f.Sql("SELECT count(*) FROM outbox WHERE length(batch) > 400000") == "0");
}

TEST_CASE("CancelLane: what was queued again below the mark is cancelled too", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 2));
  f.Start(f.Ids(1, 2));
  f.Record({f.Accepted(1), f.Accepted(2)});
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());  // the mark is past both
  f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_1")});
  REQUIRE(f.State(1) == MessageState::kQueued);
  CHECK(f.store.ListQueued("lane", f.Deadline())->size() == 1);
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK(f.State(1) == MessageState::kCancelled);
}

TEST_CASE("ExpireLanes: at the end time what is queued becomes EXPIRED", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 4));
  f.Start({f.Id(1)});
  CHECK(f.store.ExpireLanes(f.Deadline())->changed.empty());
  f.Sql("UPDATE lanes SET end_time = clock_timestamp()");
  const auto pass = f.store.ExpireLanes(f.Deadline());
  REQUIRE_THAT(pass, IsOk());
  REQUIRE(pass->changed.size() == 1);
  CHECK(pass->changed[0].state == LaneState::kExpired);
  CHECK(f.CountedStates() == std::map<std::string, int>{{"SENDING", 1}, {"EXPIRED", 3}});
  CHECK(f.FoldedStates() == f.CountedStates());
  CHECK(f.store.ExpireLanes(f.Deadline())->changed.empty());
  CHECK_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), ReasonIs("LANE_EXPIRED"));
  CHECK(f.store.ListOpenLanes(f.Deadline())->empty());
}

TEST_CASE("DrainLanes: empties lanes that are over", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 5));
  // As if the cancelling transaction had had more than it could do at once.
  f.Sql("UPDATE lanes SET state = 3");
  REQUIRE_THAT(f.store.DrainLanes(f.Deadline()), IsOk());
  CHECK(f.CountedStates() == std::map<std::string, int>{{"CANCELLED", 5}});
  CHECK(f.Sql("SELECT drained FROM lanes") == "t");
}

TEST_CASE("CloseLanes: a lane closes when it is finished and nothing is left", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 3));
  f.Start(f.Ids(1, 3));
  f.Record({f.Accepted(1), f.Ended(2, AttemptState::kFailed, "GRAPH_131026")});
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
  REQUIRE_THAT(f.store.FinishLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());  // 3 is still on its way
  f.Record({f.Ended(3, AttemptState::kAmbiguous, "TIMEOUT")});
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());  // and now UNKNOWN
  f.Record({f.Accepted(3)});
  const auto pass = f.store.CloseLanes(f.Deadline());
  REQUIRE(pass->changed.size() == 1);
  CHECK(pass->changed[0].state == LaneState::kClosed);
  CHECK(LaneStory(f).back() == "RUNNING>CLOSED");
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
}

TEST_CASE("CloseLanes: what is UNKNOWN and waits for a person keeps the lane open",
          "[dispatcher]") {
  LedgerFixture f;
  Lane hold = f.NewLane("hold");
  hold.unknown_policy = UnknownPolicy::kHold;
  REQUIRE_THAT(f.store.CreateLane(hold, f.Deadline()), IsOk());
  f.Enqueue(f.Messages(1, 1), "hold");
  f.Start({f.Id(1)}, "hold");
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT")});
  REQUIRE_THAT(f.store.FinishLane("toko-a", "hold", f.Deadline()), IsOk());
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
  // Its webhook settles it as well.
  f.Apply({f.Status(1, AttemptState::kDelivered)});
  CHECK(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
  CHECK(f.LaneStateOf("hold") == LaneState::kClosed);
}

TEST_CASE("Low-water marks: rise behind what is done and overlook nothing", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 20));
  f.Start(f.Ids(1, 10));
  std::vector<Outcome> outcomes;
  for (int n = 1; n <= 10; ++n) {
    if (n != 7) outcomes.push_back(f.Accepted(n));
  }
  f.Record(outcomes);
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  CHECK(f.Sql("SELECT ordinal FROM messages WHERE seq = (SELECT low_seq FROM lane_days)") == "7");
  CHECK(f.store.ListQueued("lane", f.Deadline())->size() == 10);
  f.Record({f.Ended(7, AttemptState::kReturned)});
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  const auto queued = f.store.ListQueued("lane", f.Deadline());
  REQUIRE(queued->size() == 11);
  CHECK(queued->front().message_id == f.Id(7));
  CHECK(queued->back().message_id == f.Id(20));

  f.Start(f.Ids(7, 20));
  outcomes.clear();
  outcomes.push_back(f.Accepted(7, 2));
  for (int n = 11; n <= 20; ++n) outcomes.push_back(f.Accepted(n));
  f.Record(outcomes);
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  CHECK(f.Sql("SELECT open FROM lane_days") == "f");
  // A later batch opens the day again.
  f.Enqueue(f.Messages(21, 21));
  CHECK(f.store.ListQueued("lane", f.Deadline())->size() == 1);
  CHECK(f.Sql("SELECT open FROM lane_days") == "t");
}

TEST_CASE("Low-water marks: batches enqueued while marks rise are never lost", "[dispatcher]") {
  LedgerFixture f;
  std::atomic<bool> stop = false;
  std::thread keeper([&] {
    while (!stop) f.store.CloseLanes(f.Deadline()).status().IgnoreError();
  });
  std::vector<std::thread> enqueuers;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 3; ++t) {
    enqueuers.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const int n = t * 1000 + i;
        if (!f.store.Enqueue("toko-a", "lane", {f.Message(n)}, f.Deadline()).ok()) ++failures;
        // Half of them are sent at once, so that the marks move.
        if (i % 2 == 0) {
          if (!f.store.StartAttempts("lane", {f.Id(n)}, "w", absl::Minutes(1), f.Deadline()).ok() ||
              !f.store.RecordOutcomes({f.Accepted(n)}, f.Deadline()).ok()) {
            ++failures;
          }
        }
      }
    });
  }
  for (std::thread& thread : enqueuers) thread.join();
  stop = true;
  keeper.join();
  CHECK(failures == 0);
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  CHECK(f.store.ListQueued("lane", f.Deadline())->size() == 60);
}

TEST_CASE("RetryFailed: failed messages go back to be rendered and sent again", "[dispatcher]") {
  LedgerFixture f;
  NewMessage refused = f.Message(4);
  refused.refusal = MessageState::kFailed;
  refused.reason = "MISSING_VARIABLE";
  std::vector<NewMessage> messages = f.Messages(1, 3);
  messages.push_back(refused);
  f.Enqueue(messages);
  f.Start(f.Ids(1, 3));
  f.Record({f.Accepted(1), f.Ended(2, AttemptState::kFailed, "GRAPH_131026"), f.Accepted(3)});
  REQUIRE_THAT(f.store.FinishLane("toko-a", "lane", f.Deadline()), IsOk());
  REQUIRE(f.store.CloseLanes(f.Deadline())->changed.size() == 1);

  const RequestKey key{"req-1", "RetryFailed", "print"};
  const auto retried = f.store.RetryFailed("toko-a", "lane", key, f.Deadline());
  REQUIRE_THAT(retried, IsOk());
  CHECK(retried->retried == 2);
  CHECK(retried->lane.state == LaneState::kRunning);
  CHECK(f.State(2) == MessageState::kQueued);
  CHECK(f.State(4) == MessageState::kQueued);
  CHECK(f.store.ListQueued("lane", f.Deadline())->empty());  // not before they are rendered
  CHECK(f.Start(f.Ids(1, 4)).started.empty());
  const auto stale = f.store.ListStale("toko-a", "lane", {}, 10, f.Deadline());
  REQUIRE(stale->size() == 2);

  // Failed again meanwhile, the same request does not touch it.
  CHECK(f.Enqueue({f.Message(2), refused}).replaced == 2);
  CHECK(f.State(4) == MessageState::kFailed);
  CHECK(f.store.RetryFailed("toko-a", "lane", key, f.Deadline())->retried == 2);
  CHECK(f.State(4) == MessageState::kFailed);
  CHECK_THAT(f.store.RetryFailed("toko-a", "lane", {"req-1", "RetryFailed", "other"}, f.Deadline()),
             ReasonIs("REQUEST_ID_REUSED"));

  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
  REQUIRE(f.Start({f.Id(2)}).started.at(0).attempt == 2);
  f.Record({f.Accepted(2, 2)});
  CHECK(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("ListMessages: pages in order of enqueueing, by state, of the outlet", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 5));
  f.Start({f.Id(2)});
  auto page = f.store.ListMessages("toko-a", "lane", MessageState::kNone, "", 0, 3, f.Deadline());
  REQUIRE(page->size() == 3);
  CHECK(page->at(0).ordinal == 1);
  CHECK(page->at(0).run_id == "run");
  page = f.store.ListMessages("toko-a", "lane", MessageState::kNone, absl::FormatCivilTime(f.day),
                              page->back().seq, 3, f.Deadline());
  REQUIRE(page->size() == 2);
  CHECK(page->at(1).ordinal == 5);
  page = f.store.ListMessages("toko-a", "lane", MessageState::kSending, "", 0, 9, f.Deadline());
  REQUIRE(page->size() == 1);
  CHECK(page->at(0).ordinal == 2);
  CHECK(
      f.store.ListMessages("toko-b", "lane", MessageState::kNone, "", 0, 9, f.Deadline())->empty());
  CHECK_FALSE(f.store.GetMessage("toko-b", f.Id(1), f.Deadline()).ok());
}

}  // namespace
}  // namespace kabar::dispatcher
