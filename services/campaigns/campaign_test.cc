#include "services/campaigns/campaign.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"

namespace kabar::campaigns {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

const absl::Time kNow = absl::FromUnixSeconds(1795132800);  // 2026-11-20 00:00 UTC, 07:00 WIB

Campaign Draft() {
  Campaign c;
  c.id = "cmp_1";
  c.name = "Kabar pagi";
  c.template_id = "tpl_1";
  c.segment_id = "seg_1";
  c.sender_id = "snd_1";
  c.rate = "45/min";
  c.start_text = "08:00 Asia/Jakarta";
  c.created_at = c.updated_at = kNow;
  return c;
}

TEST_CASE("Check: names every wrong field at once", "[campaigns]") {
  Campaign c;
  c.rate = "45/mim";
  c.batch_size = 5000;
  c.end_text = "soon";
  const absl::Status faults = Check(c, kNow);
  for (const char* field :
       {"campaign.name", "campaign.template_id", "campaign.segment_id", "campaign.sender_id",
        "campaign.rate", "campaign.batch_size", "campaign.end"}) {
    CAPTURE(field);
    CHECK_THAT(faults, HasFieldViolation(field));
  }
}

TEST_CASE("Schedule: reads the start in the outlet's zone and ends 24 h later", "[campaigns]") {
  Campaign c = Draft();
  REQUIRE_THAT(Schedule(c, kNow), IsOk());
  CHECK(c.state == State::kScheduled);
  CHECK(*c.start_at == kNow + absl::Hours(1));
  CHECK(*c.end_at == kNow + absl::Hours(25));
}

TEST_CASE("Schedule: the end time is read after the start", "[campaigns]") {
  Campaign c = Draft();
  c.end_text = "07:30 WIB";
  REQUIRE_THAT(Schedule(c, kNow), IsOk());
  CHECK(*c.end_at == *c.start_at + absl::Hours(23) + absl::Minutes(30));
}

TEST_CASE("Start: a start missed beyond its end time is refused", "[campaigns]") {
  Campaign c = Draft();
  c.end_text = "12:00 WIB";
  REQUIRE_THAT(Schedule(c, kNow), IsOk());
  CHECK_THAT(Start(c, kNow + absl::Hours(6)), ReasonIs("END_TIME_PASSED"));
  CHECK(c.state == State::kScheduled);
  CHECK_THAT(Start(c, kNow + absl::Hours(4)), IsOk());  // late, but within it
  CHECK(c.state == State::kRunning);
  CHECK_FALSE(c.run_id.empty());
}

TEST_CASE("PauseCampaign: refuses a finished campaign", "[campaigns]") {
  Campaign c = Draft();
  c.state = State::kCompleted;
  CHECK_THAT(Pause(c, "", kNow), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK_THAT(Cancel(c, kNow), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK_THAT(Start(c, kNow), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK(c.state == State::kCompleted);
}

TEST_CASE("Verbs: in the state they lead to they change nothing", "[campaigns]") {
  Campaign c = Draft();
  REQUIRE_THAT(Start(c, kNow), IsOk());
  const std::string run = c.run_id;
  CHECK_THAT(Start(c, kNow), IsOk());
  CHECK(c.run_id == run);
  REQUIRE_THAT(Pause(c, "", kNow), IsOk());
  CHECK_THAT(Pause(c, "", kNow), IsOk());
  REQUIRE_THAT(Resume(c, kNow), IsOk());
  CHECK_THAT(Resume(c, kNow), IsOk());
}

TEST_CASE("RunIsOver: only when the events have told all of it", "[campaigns]") {
  Campaign c = Draft();
  REQUIRE_THAT(Start(c, kNow), IsOk());
  Progress p;
  CHECK_FALSE(RunIsOver(c, p, kNow));  // the audience is not written yet
  c.asked = 10;
  c.cursor = 10;
  p.states[2] = 8;                     // SENT
  CHECK_FALSE(RunIsOver(c, p, kNow));  // two are handed over, no event of them yet
  p.states[5] = 2;                     // FAILED
  CHECK(RunIsOver(c, p, kNow));
  c.retried = 2;
  CHECK_FALSE(RunIsOver(c, p, kNow));  // the retry's events are still to come
  p.retried = 2;
  p.states[5] = 1;
  p.states[6] = 1;  // UNKNOWN
  CHECK_FALSE(RunIsOver(c, p, kNow));
}

TEST_CASE("RunIsOver: past the end time what was not handed over never will be", "[campaigns]") {
  Campaign c = Draft();
  REQUIRE_THAT(Start(c, kNow), IsOk());
  c.asked = 10;
  c.cursor = 4;
  Progress p;
  p.states[2] = 3;
  p.states[8] = 1;  // EXPIRED
  CHECK_FALSE(RunIsOver(c, p, kNow));
  CHECK(RunIsOver(c, p, *c.end_at));
  Complete(c, *c.end_at);
  CHECK(c.not_expanded() == 6);
}

TEST_CASE("RoomAhead: a minute of the rate, whatever the audience", "[campaigns]") {
  Campaign c = Draft();
  c.asked = 1000000;
  Progress p;
  CHECK(RoomAhead(c, p, 100) == 6000);
  c.cursor = 6000;
  p.states[0] = 6000;
  CHECK(RoomAhead(c, p, 100) == 0);
  p.states[0] = 5900;
  p.states[2] = 100;
  CHECK(RoomAhead(c, p, 100) == 100);
  // Events that have not come yet count as waiting: never more ahead than known.
  p.states = {};
  CHECK(RoomAhead(c, p, 100) == 0);
  c.cursor = 0;
  CHECK(RoomAhead(c, p, 0.75) == 100);  // at least one batch
}

TEST_CASE("RetryFailed: opens a completed run again, not one past its end", "[campaigns]") {
  Campaign c = Draft();
  REQUIRE_THAT(Start(c, kNow), IsOk());
  Complete(c, kNow);
  REQUIRE_THAT(RetryFailed(c, c.retried, 3, kNow), IsOk());
  CHECK(c.state == State::kRunning);
  CHECK(c.retried == 3);
  CHECK_FALSE(c.finished_at.has_value());
  Complete(c, kNow);
  // Asked again, and over already.
  REQUIRE_THAT(RetryFailed(c, 0, 3, kNow), IsOk());
  CHECK(c.retried == 3);
  CHECK(c.state == State::kCompleted);
  CHECK_THAT(CheckRetry(c, *c.end_at), ReasonIs("END_TIME_PASSED"));
}

}  // namespace
}  // namespace kabar::campaigns
