#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/kabarctl/command.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using Catch::Contains;
using testing::Outcome;
using testing::Services;

TEST_CASE("pause, resume: name just one target and a reason", "[kabarctl]") {
  Services services;
  CHECK(services.Run({"pause", "--reason", "x"}).code == 2);
  CHECK(services.Run({"pause", "--lane", "l1", "--outlet", "--reason", "x"}).code == 2);
  CHECK(services.Run({"pause", "--outlet"}).code == 2);
  CHECK(services.world.told.empty());

  auto& pause = *services.world.sending.add_pauses();
  pause.mutable_target()->set_scope(dispatcher::v1::SendingTarget::OUTLET);
  pause.mutable_target()->set_id("toko-a");
  pause.set_by("siti");
  pause.set_reason("wrong price");
  const Outcome paused = services.Run({"pause", "--sender", "snd_1", "--reason", "x"});
  CHECK(paused.code == 0);
  CHECK_THAT(paused.out, Contains("outlet toko-a is paused by siti") && Contains("wrong price"));
  CHECK(services.Run({"resume", "--lane", "run_1"}).code == 0);
  CHECK(services.Run({"pause", "--all", "--reason", "x"}).code == 1);
  CHECK(services.Run({"pause", "--all", "--reason", "x"}, "", "service").code == 0);
  CHECK(services.world.told == std::vector<std::string>{"pause scope: SENDER id: \"snd_1\"",
                                                        "resume scope: LANE id: \"run_1\"",
                                                        "pause scope: ALL"});
}

TEST_CASE("drain: pauses, then looks until nothing is in flight, or says so", "[kabarctl]") {
  Services services;
  services.world.sending.set_in_flight(2);
  const Outcome drained = services.Run({"drain", "--outlet", "--reason", "x"});
  CHECK(drained.code == 0);
  CHECK_THAT(drained.out, Contains("0 messages in flight: drained"));
  CHECK(services.world.told ==
        std::vector<std::string>{"pause scope: OUTLET", "get scope: OUTLET", "get scope: OUTLET"});
  services.world.sending.set_in_flight(1000);
  services.world.sending.set_drained(false);
  const Outcome stuck = services.Run({"drain", "--outlet", "--reason", "x", "--wait", "0"});
  CHECK(stuck.code == 1);
  CHECK_THAT(stuck.error, Contains("not drained within 0"));
}

TEST_CASE("lanes: which are paused, and why; an automatic one is resumed", "[kabarctl]") {
  Services services;
  dispatcher::v1::Lane lane;
  lane.set_id("auto-1");
  lane.set_state(events::v1::PAUSED);
  lane.set_state_reason("GRAPH_132015");
  services.world.lanes.push_back(lane);
  lane.set_id("run-1");
  lane.set_priority(10);
  lane.set_state(events::v1::RUNNING);
  lane.clear_state_reason();
  lane.set_held(true);
  services.world.lanes.push_back(lane);
  const Outcome all = services.Run({"lanes", "list"});
  CHECK(all.code == 0);
  CHECK_THAT(all.out, Contains("automatic messages") && Contains("GRAPH_132015"));
  CHECK_THAT(all.out, Contains("HELD") && Contains("kabarctl sending --lane run-1"));
  const Outcome paused = services.Run({"lanes", "list", "--paused"});
  CHECK_THAT(paused.out, Contains("auto-1") && !Contains("run-1"));
  const Outcome resumed = services.Run({"lanes", "resume", "auto-1"});
  CHECK(resumed.code == 0);
  CHECK_THAT(resumed.out, Contains("auto-1 is RUNNING"));
}

TEST_CASE("audit: all services' entries, newest first, no more than asked for", "[kabarctl]") {
  Services services;
  services.world.audit.resize(3);
  const auto add = [&](int service, int seconds, const std::string& action) {
    auto& entry = *services.world.audit[service].add_entries();
    entry.mutable_time()->set_seconds(seconds);
    entry.set_action(action);
    entry.set_who("siti");
    entry.set_role("OPERATOR");
    entry.set_before("{}");
    entry.set_after("{}");
  };
  add(0, 300, "PauseSending");
  add(0, 100, "CreateSender");
  add(1, 200, "StartCampaign");
  add(2, 400, "MergeContacts");
  const Outcome listed = services.Run({"audit", "--limit", "2", "--who", "siti", "--since", "1h"});
  CHECK(listed.code == 0);
  CHECK_THAT(listed.out, Contains("siti (OPERATOR)"));
  CHECK(listed.out.find("MergeContacts") < listed.out.find("PauseSending"));
  CHECK(listed.out.find("StartCampaign") == std::string::npos);
  CHECK(listed.out.find("CreateSender") == std::string::npos);
  CHECK(services.world.audit_asked.who() == "siti");
  CHECK(services.world.audit_asked.has_since());
}

TEST_CASE("dead-letters drop: needs a reason", "[kabarctl]") {
  Services services;
  CHECK(services.Run({"dead-letters", "drop", "7"}).code == 2);
  const Outcome dropped = services.Run({"dead-letters", "drop", "7", "--reason", "a test"});
  CHECK(dropped.code == 0);
  CHECK_THAT(dropped.out, Contains("DROPPED") && Contains("a test"));
}

}  // namespace
}  // namespace kabar::kabarctl
