#include <catch2/catch.hpp>
#include <set>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

// Messages 1 to 3 of the lane "hold" are UNKNOWN and wait for a person; 4 is SENT. Nothing more
// comes into the lane, which is open because of them.
struct Held : LedgerFixture {
  Held() {
    Lane hold = NewLane("hold");
    hold.unknown_policy = UnknownPolicy::kHold;
    REQUIRE_THAT(store.CreateLane(hold, Deadline()), IsOk());
    Enqueue(Messages(1, 4), "hold");
    Start(Ids(1, 4), "hold");
    std::vector<Outcome> outcomes = {Accepted(4)};
    for (int n = 1; n <= 3; ++n) outcomes.push_back(Ended(n, AttemptState::kAmbiguous, "TIMEOUT"));
    Record(outcomes);
    REQUIRE_THAT(store.FinishLane("toko-a", "hold", Deadline()), IsOk());
    REQUIRE(store.CloseLanes(Deadline())->changed.empty());
  }

  absl::StatusOr<ResolveResult> Try(const UnknownToResolve& what, const std::string& request = "",
                                    const std::string& outlet = "toko-a") {
    return store.ResolveUnknown(outlet, what, {request, "ResolveUnknown", "print"}, Deadline());
  }
  ResolveResult Resolve(const UnknownToResolve& what, const std::string& request = "") {
    auto result = Try(what, request);
    REQUIRE_THAT(result, IsOk());
    return *result;
  }
  UnknownToResolve Named(UnknownDecision decision, const std::vector<std::string>& ids) const {
    return {.decision = decision, .message_ids = ids};
  }
  UnknownToResolve OfLane(UnknownDecision decision,
                          absl::Duration min_age = absl::ZeroDuration()) const {
    return {.decision = decision, .lane_id = "hold", .min_age = min_age};
  }
};

TEST_CASE("ResolveUnknown: FAILED ends it, with the decision as its reason", "[dispatcher]") {
  Held f;
  const ResolveResult result = f.Resolve(f.Named(UnknownDecision::kFail, {f.Id(1)}));
  CHECK(result.resolved == 1);
  CHECK(result.refused.empty());
  CHECK(result.requeued.empty());
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "FAILED_BY_HAND");
  CHECK(f.State(2) == MessageState::kUnknown);
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
  f.Resolve(f.OfLane(UnknownDecision::kFail));
  CHECK(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
  CHECK(f.LaneStateOf("hold") == LaneState::kClosed);
  CHECK(f.FoldedStates() == f.CountedStates());
}

// As a paused campaign needs it: else the person who says RESEND would lift the other one's pause.
TEST_CASE("ResolveUnknown: RESEND in a paused lane waits until it is resumed", "[dispatcher]") {
  Held f;
  REQUIRE_THAT(f.store.PauseLane("toko-a", "hold", "", f.Deadline()), IsOk());
  REQUIRE(f.store.CloseLanes(f.Deadline())->changed.empty());
  REQUIRE(f.Resolve(f.OfLane(UnknownDecision::kResend)).resolved == 3);
  CHECK(f.LaneStateOf("hold") == LaneState::kPaused);
  CHECK(f.Start(f.Ids(1, 3), "hold").started.empty());
  REQUIRE_THAT(f.store.ResumeLane("toko-a", "hold", f.Deadline()), IsOk());
  CHECK(f.Start(f.Ids(1, 3), "hold").started.size() == 3);
}

TEST_CASE("ResolveUnknown: RESEND sends once more, and the lane ends when all is decided",
          "[dispatcher]") {
  Held f;
  const ResolveResult result = f.Resolve(f.Named(UnknownDecision::kResend, f.Ids(1, 2)));
  CHECK(result.resolved == 2);
  CHECK(result.requeued.size() == 2);
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.Get(1).reason == "RESEND_BY_HAND");
  CHECK(f.Sql("SELECT string_agg(resends::text, '' ORDER BY ordinal) FROM messages") == "1100");
  CHECK(f.store.ListQueued("hold", f.Deadline())->size() == 2);
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());

  const StartResult started = f.Start(f.Ids(1, 2), "hold");
  REQUIRE(started.started.size() == 2);
  CHECK(started.started[0].attempt == 2);
  f.Record({f.Accepted(1, 2), f.Ended(2, AttemptState::kAmbiguous, "TIMEOUT", 2)});
  CHECK(f.store.CloseLanes(f.Deadline())->changed.empty());
  CHECK(f.State(2) == MessageState::kUnknown);  // waits for a person again
  f.Resolve(f.OfLane(UnknownDecision::kFail));
  CHECK(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
  CHECK(f.CountedStates() == std::map<std::string, int>{{"SENT", 2}, {"FAILED", 2}});
  CHECK(f.LaneStateOf("hold") == LaneState::kClosed);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("ResolveUnknown: used-up tries are no hindrance to a person", "[dispatcher]") {
  LedgerFixture f;
  Lane lane = f.NewLane("once");
  lane.max_attempts = 1;
  REQUIRE_THAT(f.store.CreateLane(lane, f.Deadline()), IsOk());
  f.Enqueue(f.Messages(1, 1), "once");
  f.Start({f.Id(1)}, "once");
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT")});
  const auto result = f.store.ResolveUnknown(
      "toko-a", {.decision = UnknownDecision::kResend, .lane_id = "once"}, {}, f.Deadline());
  REQUIRE_THAT(result, IsOk());
  CHECK(result->resolved == 1);
  CHECK(f.Start({f.Id(1)}, "once").started.size() == 1);
  // But what the provider then refuses is not tried again by itself.
  Outcome refused = f.Ended(1, AttemptState::kFailed, "GRAPH_131000", 2);
  refused.retry = true;
  f.Record({refused});
  CHECK(f.State(1) == MessageState::kFailed);
}

TEST_CASE("ResolveUnknown: what waits for evidence keeps its lane open until it is decided",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT")});
  REQUIRE_THAT(f.store.FinishLane("toko-a", "lane", f.Deadline()), IsOk());
  REQUIRE(f.store.CloseLanes(f.Deadline())->changed.empty());
  REQUIRE_THAT(
      f.store.ResolveUnknown("toko-a", {.decision = UnknownDecision::kFail, .lane_id = "lane"}, {},
                             f.Deadline()),
      IsOk());
  CHECK(f.Sql("SELECT count(*) FROM unknowns") == "0");
  CHECK(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
}

TEST_CASE(
    "ResolveUnknown: refuses message by message what is not UNKNOWN, not there, not the "
    "outlet's",
    "[dispatcher]") {
  Held f;
  const ResolveResult result = f.Resolve(
      f.Named(UnknownDecision::kFail, {f.Id(4), f.Id(1), f.Id(99), "no-message", f.Id(1)}));
  CHECK(result.resolved == 1);
  REQUIRE(result.refused.size() == 3);
  CHECK(result.refused[0].message_id == f.Id(4));
  CHECK(result.refused[0].reason == "NOT_UNKNOWN");
  CHECK(result.refused[0].state == MessageState::kSent);
  CHECK(result.refused[1].reason == "MESSAGE_NOT_FOUND");
  CHECK(result.refused[2].message_id == "no-message");
  CHECK(f.State(4) == MessageState::kSent);

  const auto foreign = f.Try(f.Named(UnknownDecision::kFail, {f.Id(2)}), "", "toko-b");
  REQUIRE_THAT(foreign, IsOk());
  CHECK(foreign->resolved == 0);
  CHECK(foreign->refused.at(0).reason == "MESSAGE_NOT_FOUND");
  CHECK(foreign->refused[0].state == MessageState::kNone);
  CHECK(f.State(2) == MessageState::kUnknown);
  CHECK_THAT(f.Try(f.OfLane(UnknownDecision::kFail), "", "toko-b"), ReasonIs("LANE_NOT_FOUND"));
}

TEST_CASE("ResolveUnknown: the same request again changes nothing and answers the same",
          "[dispatcher]") {
  Held f;
  const UnknownToResolve what = f.Named(UnknownDecision::kResend, {f.Id(1), f.Id(4)});
  REQUIRE(f.Resolve(what, "req-1").resolved == 1);
  f.Start({f.Id(1)}, "hold");
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT", 2)});  // UNKNOWN once more
  const ResolveResult again = f.Resolve(what, "req-1");
  CHECK(again.resolved == 1);
  CHECK(again.requeued.empty());
  REQUIRE(again.refused.size() == 1);
  CHECK(again.refused[0].message_id == f.Id(4));
  CHECK(again.refused[0].reason == "NOT_UNKNOWN");
  CHECK(again.refused[0].state == MessageState::kSent);
  CHECK(f.State(1) == MessageState::kUnknown);
  CHECK(f.Sql("SELECT resends FROM messages WHERE ordinal = 1") == "1");
  CHECK_THAT(
      f.store.ResolveUnknown("toko-a", what, {"req-1", "ResolveUnknown", "other"}, f.Deadline()),
      ReasonIs("REQUEST_ID_REUSED"));
}

TEST_CASE("ResolveUnknown: of a lane, only what has been UNKNOWN for long enough", "[dispatcher]") {
  Held f;
  f.Sql("UPDATE messages SET updated_at = now() - interval '1 hour' WHERE ordinal IN (1, 3)");
  const ResolveResult result = f.Resolve(f.OfLane(UnknownDecision::kFail, absl::Minutes(30)));
  CHECK(result.resolved == 2);
  CHECK_FALSE(result.more);
  CHECK(f.State(2) == MessageState::kUnknown);
  CHECK(f.CountedStates() ==
        std::map<std::string, int>{{"SENT", 1}, {"FAILED", 2}, {"UNKNOWN", 1}});
}

TEST_CASE("ResolveUnknown: 1,000 of a lane at once, and says that there are more", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1000));
  f.Enqueue(f.Messages(1001, 1001));
  f.Start(f.Ids(1, 1001), "lane", absl::ZeroDuration());
  REQUIRE(*f.store.RescueExpired(10, f.Deadline()) == 1001);
  const UnknownToResolve what{.decision = UnknownDecision::kFail, .lane_id = "lane"};
  auto result = f.store.ResolveUnknown("toko-a", what, {}, f.Deadline());
  CHECK(result->resolved == 1000);
  CHECK(result->more);
  result = f.store.ResolveUnknown("toko-a", what, {}, f.Deadline());
  CHECK(result->resolved == 1);
  CHECK_FALSE(result->more);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("ResolveUnknown: in a lane that is over nothing is sent again, but may fail",
          "[dispatcher]") {
  Held f;
  SECTION("cancelled") {
    REQUIRE_THAT(f.store.CancelLane("toko-a", "hold", f.Deadline()), IsOk());
    CHECK_THAT(f.Try(f.OfLane(UnknownDecision::kResend)), ReasonIs("LANE_CANCELLED"));
    CHECK(f.Resolve(f.Named(UnknownDecision::kResend, {f.Id(1)})).refused.at(0).reason ==
          "LANE_CANCELLED");
  }
  SECTION("past its end time") {
    f.Sql("UPDATE lanes SET end_time = clock_timestamp() WHERE id = 'hold'");
    CHECK_THAT(f.Try(f.OfLane(UnknownDecision::kResend)), ReasonIs("LANE_EXPIRED"));
    CHECK(f.Resolve(f.Named(UnknownDecision::kResend, {f.Id(1)})).refused.at(0).reason ==
          "LANE_EXPIRED");
  }
  CHECK(f.State(1) == MessageState::kUnknown);
  CHECK(f.Resolve(f.OfLane(UnknownDecision::kFail)).resolved == 3);
}

TEST_CASE("ResolveUnknown: the provider's late word still counts", "[dispatcher]") {
  Held f;
  f.Resolve(f.Named(UnknownDecision::kFail, f.Ids(1, 2)));
  f.Resolve(f.Named(UnknownDecision::kResend, {f.Id(3)}));
  f.Apply({f.Status(1, AttemptState::kDelivered), f.Status(3, AttemptState::kDelivered)});
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.State(3) == MessageState::kDelivered);
  CHECK(f.Start({f.Id(3)}, "hold").started.empty());  // the second try is not needed any more
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("ResolveUnknown: FAILED stays decided, whatever says that it may be tried again",
          "[dispatcher]") {
  Held f;
  f.Resolve(f.Named(UnknownDecision::kFail, f.Ids(1, 2)));
  f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131000")});
  f.Record({f.Ended(2, AttemptState::kReturned, "TOO_LATE_FOR_SLOT")});
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.State(2) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "FAILED_BY_HAND");
  CHECK(f.FoldedStates() == f.CountedStates());
}

}  // namespace
}  // namespace kabar::dispatcher
