#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "libs/base/status.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::RecountLaneResponse;
using testing::Outcome;
using testing::Services;

void Add(RecountLaneResponse::Figures& figures, events::v1::MessageState state,
         std::int64_t messages) {
  auto& count = *figures.add_states();
  count.set_state(state);
  count.set_messages(messages);
}

// A run of 10 in the middle of sending: analytics has counted up to event 40, and two messages have
// moved from QUEUED to SENDING and one of these on to SENT since.
struct Run : Services {
  Run() {
    campaign.set_id("cmp_1");
    campaign.set_name("Kabar pagi");
    campaign.set_state(campaigns::v1::RUNNING);
    campaign.set_run_id("run_1");
    campaign.set_asked(10);
    campaign.set_expanded(7);
    stats.set_run_id("run_1");
    stats.set_asked(10);
    stats.set_queued(5);
    stats.set_read(2);
    stats.set_not_expanded(3);
    stats.set_reached_sent(2);
    stats.set_reached_delivered(2);
    stats.set_reached_read(2);
    stats.set_lane_state(events::v1::RUNNING);
    (*stats.mutable_event_numbers())["dispatcher"] = 40;
    recount.set_lane_state(events::v1::RUNNING);
    recount.set_asked(10);
    recount.set_enqueued(7);
    recount.set_rows(7);
    recount.set_newest_event_number(42);
    recount.set_queue(RecountLaneResponse::BUILT);
    recount.set_queue_length(3);
    Add(*recount.mutable_ledger(), events::v1::QUEUED, 3);
    Add(*recount.mutable_ledger(), events::v1::SENDING, 1);
    Add(*recount.mutable_ledger(), events::v1::SENT, 1);
    Add(*recount.mutable_ledger(), events::v1::READ, 2);
    recount.mutable_ledger()->set_reached_sent(3);
    recount.mutable_ledger()->set_reached_delivered(2);
    recount.mutable_ledger()->set_reached_read(2);
    Add(*recount.mutable_changes_after(), events::v1::QUEUED, -2);
    Add(*recount.mutable_changes_after(), events::v1::SENDING, 1);
    Add(*recount.mutable_changes_after(), events::v1::SENT, 1);
    recount.mutable_changes_after()->set_reached_sent(1);
  }

  Outcome Verify(std::vector<std::string> words = {}) {
    world.campaign_states = {campaign};
    world.stats = stats;
    if (world.recounts.empty()) world.recounts = {recount};
    words.insert(words.begin(), "verify");
    Outcome done = Services::Run(words, "", "viewer-a");
    CHECK(done.error.empty());
    world.recounts.clear();
    return done;
  }
  // The checks that fail, as --json tells them.
  std::vector<std::string> Faults() {
    const Outcome done = Verify({"--json"});
    const auto report = nlohmann::json::parse(done.out);
    CHECK(report["adds_up"] == (done.code == 0));
    std::vector<std::string> checks;
    for (const auto& fault : report["campaigns"][0]["faults"]) checks.push_back(fault["check"]);
    CHECK(report["campaigns"][0]["adds_up"] == checks.empty());
    return checks;
  }

  campaigns::v1::Campaign campaign;
  analytics::v1::CampaignStats stats;
  RecountLaneResponse recount;
};

using Checks = std::vector<std::string>;

TEST_CASE("verify: a run on the move adds up at analytics' event number", "[kabarctl]") {
  Run run;
  const Outcome done = run.Verify();
  CHECK(done.code == 0);
  CHECK_THAT(done.out, Catch::EndsWith("adds up\neverything adds up\n"));
  REQUIRE(run.world.recounted.size() == 1);
  CHECK(run.world.recounted[0].lane_id() == "run_1");
  CHECK(run.world.recounted[0].after_event_number() == 40);
  CHECK(run.Faults().empty());
}

TEST_CASE("verify: each thing that does not add up is one line with both numbers", "[kabarctl]") {
  Run run;
  run.recount.mutable_ledger()->mutable_states(2)->set_messages(2);
  const Outcome done = run.Verify({"cmp_1"});
  CHECK(done.code == 1);
  CHECK_THAT(done.out,
             Catch::Contains("\ncmp_1: sent: analytics counted 0 up to event 40 and the events "
                             "after it make +1: 1; the ledger holds 2\n"));
  CHECK_THAT(done.out, Catch::EndsWith("1 campaign of 1 not adding up\n"));
  CHECK(run.Faults() == Checks{"sent"});

  const auto faults = [](auto change) {
    Run changed;
    change(changed);
    return changed.Faults();
  };
  CHECK(faults([](Run& r) { r.stats.set_reached_sent(3); }) == Checks{"reached sent"});
  CHECK(faults([](Run& r) { r.recount.mutable_ledger()->set_reached_delivered(1); }) ==
        Checks{"reached delivered"});
  CHECK(faults([](Run& r) { r.recount.mutable_changes_after()->set_reached_read(1); }) ==
        Checks{"reached read"});
  CHECK(faults([](Run& r) { r.recount.set_enqueued(8); }) == Checks{"enqueued"});
  CHECK(faults([](Run& r) { r.campaign.set_expanded(8); }) == Checks{"handed over"});
  CHECK(faults([](Run& r) { r.campaign.set_asked(11); }) == Checks{"asked by campaigns"});
  CHECK(faults([](Run& r) { r.stats.set_not_expanded(2); }) == Checks{"sums of analytics"});
  CHECK(faults([](Run& r) { r.recount.set_missing_event_numbers(1); }) == Checks{"event numbers"});
  CHECK(faults([](Run& r) { r.recount.set_newest_event_number(39); }) == Checks{"event numbers"});
  CHECK(faults([](Run& r) { r.recount.set_lane_state(events::v1::CLOSED); }) == Checks{"closed"});
  CHECK(faults([](Run& r) {
          r.campaign.set_state(campaigns::v1::COMPLETED);
          r.campaign.set_not_expanded(2);
        }) == Checks{"not expanded"});
  CHECK(faults([](Run& r) {
          r.recount.set_asked(6);
          r.stats.set_asked(6);
          r.stats.set_not_expanded(-1);
          r.campaign.set_asked(6);
        }) == Checks{"asked"});
  CHECK(faults([](Run& r) {
          r.stats.set_asked(9);
          r.stats.set_not_expanded(2);
        }) == Checks{"asked by analytics"});
}

TEST_CASE("verify: what Redis lacks is a note, no fault", "[kabarctl]") {
  Run run;
  run.recount.set_queue_length(0);
  const Outcome empty = run.Verify();
  CHECK(empty.code == 0);
  CHECK_THAT(empty.out, Catch::Contains("cmp_1: note: 3 QUEUED, none in Redis: they wait for the "
                                        "sweeper, or to be rendered again\n"));
  run.recount.set_queue(RecountLaneResponse::UNREACHABLE);
  CHECK_THAT(run.Verify().out, Catch::Contains("note: Redis cannot be reached"));
  run.recount.set_lane_state(events::v1::PAUSED);
  CHECK_THAT(run.Verify().out, !Catch::Contains("note:"));
}

TEST_CASE("verify: events deleted meanwhile are asked for again with newer figures", "[kabarctl]") {
  Run run;
  const absl::Status trimmed =
      base::Error(absl::StatusCode::kOutOfRange, "EVENTS_TRIMMED", "events after 40 are gone");
  run.world.recounts = {trimmed, trimmed, run.recount};
  CHECK(run.Verify().code == 0);
  CHECK(run.world.recounted.size() == 3);
  // Still gone: analytics was set back, and nobody can tell.
  run.world.recounts = {trimmed};
  const Outcome gone = run.Verify();
  CHECK(gone.code == 1);
  CHECK_THAT(gone.out, Catch::Contains("cmp_1: not compared: "));
}

TEST_CASE("verify: drafts are left out; what never began has nothing to count", "[kabarctl]") {
  Run run;
  run.campaign.set_state(campaigns::v1::DRAFT);
  run.campaign.clear_run_id();
  CHECK(run.Verify().out == "there is no campaign to verify\n");
  const Outcome named = run.Verify({"cmp_1"});
  CHECK(named.code == 0);
  CHECK_THAT(named.out, Catch::Contains("it has not been started"));

  Run opening;
  opening.world.recounts = {
      base::Error(absl::StatusCode::kNotFound, "LANE_NOT_FOUND", "there is no lane run_1")};
  opening.campaign.set_expanded(0);
  CHECK(opening.Verify().code == 0);
  opening.world.recounts = {
      base::Error(absl::StatusCode::kNotFound, "LANE_NOT_FOUND", "there is no lane run_1")};
  opening.campaign.set_expanded(7);
  const Outcome lost = opening.Verify();
  CHECK(lost.code == 1);
  CHECK_THAT(lost.out, Catch::Contains("campaigns has handed over 7"));
}

TEST_CASE("verify: a run that analytics has not heard of has figures of 0", "[kabarctl]") {
  Run run;
  *run.recount.mutable_changes_after() = run.recount.ledger();
  run.world.campaign_states = {run.campaign};
  run.world.recounts = {run.recount};
  CHECK(run.Services::Run({"verify"}).code == 0);  // without world.stats: RUN_NOT_FOUND
  CHECK(run.world.recounted.back().after_event_number() == 12);
  run.recount.mutable_changes_after()->clear_states();
  run.world.recounts = {run.recount};
  CHECK(run.Services::Run({"verify", "cmp_1", "cmp_1"}).code == 1);
}

TEST_CASE("verify: help, and a service away", "[kabarctl]") {
  Run run;
  const Outcome help = run.Services::Run({"verify", "--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Catch::Contains("Usage: kabarctl verify [CAMPAIGN ...]\n"));
  CHECK(run.Services::Run({"help", "verify"}).out == help.out);
  CHECK_THAT(run.Services::Run({"verify", "--what"}).error,
             Catch::Contains("see kabarctl verify --help"));
  CHECK(run.Services::Run({"verify", "--analytics-address", "127.0.0.1:1"}).code == 0);  // none
  run.world.campaign_states = {run.campaign};
  run.world.recounts = {run.recount};
  CHECK(run.Services::Run({"verify", "--analytics-address", "127.0.0.1:1"}).code == 3);
}

}  // namespace
}  // namespace kabar::kabarctl
