// A provider template that WhatsApp does not take, on a lane of automatic messages: the message
// waits for its form, the lane goes on.
#include <catch2/catch.hpp>
#include <string>

#include "services/dispatcher/send_job.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

struct Automatic : Api {
  Automatic() {
    Lane lane = NewLane("auto");
    lane.priority = base::kTriggerPriority;
    lane.rate.reset();
    REQUIRE_THAT(store.CreateLane(lane, Deadline()), IsOk());
  }

  // As the worker makes it of WhatsApp's answer.
  Outcome Refusal(int n, int attempt, int code, const StartResult& started) {
    SendJob job;
    job.message_id = Id(n);
    job.lane_id = "auto";
    job.attempt = attempt;
    job.has_form = true;
    job.of_campaign = started.of_campaign;
    whatsapp::SendOutcome answer;
    answer.kind = whatsapp::SendOutcome::Kind::kRejected;
    answer.error.code = code;
    answer.written_at = absl::Now();
    return React(job, answer, whatsapp::ErrorPolicy::BuiltIn(), {}, absl::Now()).outcome;
  }
  std::vector<Store::Requeued> StartAndRefuse(int n, int attempt, int code) {
    const StartResult started = Start({Id(n)}, "auto");
    REQUIRE(started.started.size() == 1);
    REQUIRE(started.started[0].attempt == attempt);
    return Record({Refusal(n, attempt, code, started)});
  }
  int MinutesToWait() {
    int minutes = 0;
    REQUIRE(absl::SimpleAtoi(
        Sql("SELECT round(extract(epoch FROM not_before - now()) / 60)::int FROM messages"
            " WHERE not_before IS NOT NULL"),
        &minutes));
    return minutes;
  }
  void MakeDue() { Sql("UPDATE messages SET not_before = now() WHERE not_before IS NOT NULL"); }
  std::vector<StaleMessage> Stale(const LanePlace& after = {}, int limit = 100) {
    auto stale = store.ListStale("toko-a", "auto", after, limit, Deadline());
    REQUIRE_THAT(stale, IsOk());
    return *stale;
  }
};

TEST_CASE("A refused form on a lane of automatic messages: its message waits, the others go",
          "[dispatcher]") {
  for (const int code : {132015, 132001}) {
    CAPTURE(code);
    Automatic f;
    f.Enqueue(f.Messages(1, 2), "auto");
    // Nothing goes to the queue: it has to be rendered first.
    CHECK(f.StartAndRefuse(1, 1, code).empty());
    CHECK(f.State(1) == MessageState::kQueued);
    CHECK(f.Get(1).reason == absl::StrCat("GRAPH_", code));
    CHECK(f.LaneStateOf("auto") == LaneState::kRunning);
    CHECK(f.Start({f.Id(2)}, "auto").started.size() == 1);
    f.Record({f.Accepted(2)});
    CHECK(f.State(2) == MessageState::kSent);

    // Seven minutes, in which the templates service hears of it; then it is rendered anew, and
    // until it is it cannot be claimed.
    CHECK(f.MinutesToWait() == 7);
    CHECK(f.Stale().empty());
    CHECK(f.store.ListQueued("auto", f.Deadline())->empty());
    CHECK(f.Start({f.Id(1)}, "auto").started.empty());
    f.MakeDue();
    REQUIRE(f.Stale().size() == 1);
    CHECK(f.Stale()[0].id == f.Id(1));
    CHECK(f.Start({f.Id(1)}, "auto").started.empty());

    // The form is well again: it goes, once.
    CHECK(f.Enqueue({f.Message(1)}, "auto").to_push.size() == 1);
    CHECK(f.Start({f.Id(1)}, "auto").started.size() == 1);
    f.Record({f.Accepted(1, 2)});
    CHECK(f.State(1) == MessageState::kSent);
    CHECK(f.Sql("SELECT count(*) FROM all_attempts WHERE message_id = '" + f.Id(1) + "'") == "2");
    CHECK(f.Start({f.Id(1)}, "auto").started.empty());
  }
}

TEST_CASE("A refused form on a lane of automatic messages: no more tries than the lane has",
          "[dispatcher]") {
  Automatic f;
  f.Enqueue({f.Message(1)}, "auto");
  for (const int attempt : {1, 2}) {
    f.StartAndRefuse(1, attempt, 132015);
    CHECK(f.MinutesToWait() == 7);
    f.MakeDue();
    f.Enqueue({f.Message(1)}, "auto");
  }
  f.StartAndRefuse(1, 3, 132015);
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "GRAPH_132015");
  CHECK(f.LaneStateOf("auto") == LaneState::kRunning);
  CHECK(f.Stale().empty());
}

TEST_CASE("A refused form told by webhook: the lane of automatic messages goes on",
          "[dispatcher]") {
  Automatic f;
  f.Enqueue({f.Message(1)}, "auto");
  f.Start({f.Id(1)}, "auto");
  f.Record({f.Accepted(1)});
  const WebhookEffects effects = f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_132016")});
  CHECK(effects.lanes.empty());
  CHECK(effects.requeued.empty());
  REQUIRE(effects.alerts.size() == 1);  // a person hears of it all the same
  CHECK(f.LaneStateOf("auto") == LaneState::kRunning);
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.MinutesToWait() == 7);
  f.MakeDue();
  REQUIRE(f.Stale().size() == 1);
  f.Enqueue({f.Message(1)}, "auto");
  CHECK(f.Start({f.Id(1)}, "auto").started.size() == 1);
}

TEST_CASE("ListStale: page by page, each once, those that are QUEUED again among them",
          "[dispatcher]") {
  Automatic f;
  f.Enqueue(f.Messages(1, 7), "auto");
  // One below the low-water mark, since all behind it are final.
  f.Start(f.Ids(1, 2), "auto");
  f.Record({f.Ended(1, AttemptState::kFailed, "X"), f.Accepted(2)});
  REQUIRE_THAT(f.store.CloseLanes(f.Deadline()), IsOk());
  REQUIRE_THAT(f.store.RetryFailed("toko-a", "auto", {"r-1", "RetryFailed", ""}, f.Deadline()),
               IsOk());
  f.Sql("UPDATE messages SET rendered_at = NULL WHERE state = 1");
  std::vector<std::string> seen;
  LanePlace after;
  for (int pages = 0; pages < 4; ++pages) {
    const std::vector<StaleMessage> page = f.Stale(after, 2);
    for (const StaleMessage& one : page) seen.push_back(one.id);
    if (page.empty()) break;
    after = {absl::FormatCivilTime(*base::ParseMessageDay(page.back().id)), page.back().seq};
  }
  CHECK(seen == std::vector<std::string>{f.Id(1), f.Id(3), f.Id(4), f.Id(5), f.Id(6), f.Id(7)});

  v1::ListStaleMessagesRequest request;
  request.set_lane_id("auto");
  request.set_page_size(4);
  auto page = f.Call(&Stub::ListStaleMessages, request);
  REQUIRE(page->messages_size() == 4);
  request.set_page_token(page->next_page_token());
  page = f.Call(&Stub::ListStaleMessages, request);
  REQUIRE(page->messages_size() == 2);
  CHECK(page->messages(1).id() == f.Id(7));
  CHECK(page->next_page_token().empty());
  request.set_lane_id("lane");
  CHECK_THAT(f.Call(&Stub::ListStaleMessages, request),
             StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_CASE("ListLanes, ResumeLane: people see and resume lanes of automatic messages",
          "[dispatcher]") {
  Automatic f;
  REQUIRE_THAT(f.store.PauseLane("toko-a", "auto", "GRAPH_132015", f.Deadline(), {}), IsOk());
  f.Sql("INSERT INTO pauses VALUES ('lane/lane', 'siti', 'x')");
  v1::ListLanesRequest request;
  auto listed = f.Call(&Stub::ListLanes, request, "viewer-a");
  REQUIRE(listed->lanes_size() == 2);
  CHECK(listed->lanes(0).id() == "auto");
  CHECK(listed->lanes(0).state() == events::v1::PAUSED);
  CHECK(listed->lanes(0).state_reason() == "GRAPH_132015");
  CHECK_FALSE(listed->lanes(0).held());
  CHECK(listed->lanes(1).held());
  request.set_state(events::v1::PAUSED);
  CHECK(f.Call(&Stub::ListLanes, request, "viewer-a")->lanes_size() == 1);
  request.set_state(events::v1::CLOSED);
  CHECK_THAT(f.Call(&Stub::ListLanes, request, "viewer-a"),
             StatusIs(absl::StatusCode::kInvalidArgument));
  request.clear_state();
  request.set_page_size(1);
  listed = f.Call(&Stub::ListLanes, request, "viewer-a");
  REQUIRE(listed->lanes_size() == 1);
  request.set_page_token(listed->next_page_token());
  CHECK(f.Call(&Stub::ListLanes, request, "viewer-a")->lanes(0).id() == "lane");
  CHECK(f.Call(&Stub::ListLanes, v1::ListLanesRequest(), "service", "toko-b")->lanes_size() == 0);

  CHECK_THAT(f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("auto"), "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  REQUIRE_THAT(f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("auto"), "operator-a"),
               IsOk());
  CHECK(f.LaneStateOf("auto") == LaneState::kRunning);
  CHECK(f.Sql("SELECT who || ' ' || target FROM audit_log WHERE action = 'ResumeLane'") ==
        "operator-a lane/auto");
  // A campaign knows of its lane's pauses: it has to be asked.
  CHECK_THAT(f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("lane"), "operator-a"),
             ReasonIs("LANE_OF_CAMPAIGN"));
  CHECK_THAT(f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("lane")), IsOk());
}

}  // namespace
}  // namespace kabar::dispatcher
