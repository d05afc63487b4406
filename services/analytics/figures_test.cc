#include "services/analytics/figures.h"

#include <catch2/catch.hpp>
#include <string>

#include "kabar/events/v1/events.pb.h"

namespace kabar::analytics {
namespace {

using events::v1::Event;
using events::v1::MessageState;

Event Changed(MessageState from, MessageState to, MessageState reached = {},
              const std::string& reason = "", const std::string& reason_before = "") {
  Event event;
  event.set_outlet_id("toko-a");
  event.mutable_time()->set_seconds(1000);
  auto* m = event.mutable_message_changed();
  m->set_lane_id("run_1");
  m->set_from(from);
  m->set_to(to);
  m->set_reached_before(reached);
  m->set_reason(reason);
  m->set_reason_before(reason_before);
  return event;
}

const LaneKey kLane{"toko-a", "run_1"};

std::int64_t Present(const Tally& tally, MessageState state) {
  return tally.lanes().at(kLane).states[state - 1];
}

TEST_CASE("Tally: a message's way leaves it in one present state", "[analytics]") {
  Tally tally;
  tally.Add(Changed({}, events::v1::QUEUED));
  tally.Add(Changed(events::v1::QUEUED, events::v1::SENDING));
  tally.Add(Changed(events::v1::SENDING, events::v1::SENT));
  tally.Add(Changed(events::v1::SENT, events::v1::READ, events::v1::SENT));
  CHECK(Present(tally, events::v1::QUEUED) == 0);
  CHECK(Present(tally, events::v1::SENDING) == 0);
  CHECK(Present(tally, events::v1::SENT) == 0);
  CHECK(Present(tally, events::v1::READ) == 1);
  const LaneDelta& lane = tally.lanes().at(kLane);
  CHECK(lane.reached_sent == 1);
  CHECK(lane.reached_delivered == 1);  // read without a `delivered` was delivered too
  CHECK(lane.reached_read == 1);
  CHECK(tally.seconds().at({kLane, 1000}) == 1);
}

TEST_CASE("Tally: what was reached counts once however often it is passed", "[analytics]") {
  Tally tally;
  tally.Add(Changed(events::v1::SENDING, events::v1::SENT));
  tally.Add(Changed(events::v1::SENT, events::v1::FAILED, events::v1::SENT, "GRAPH_131026"));
  tally.Add(Changed(events::v1::FAILED, events::v1::QUEUED, events::v1::SENT, "", "GRAPH_131026"));
  tally.Add(Changed(events::v1::QUEUED, events::v1::SENDING, events::v1::SENT));
  tally.Add(Changed(events::v1::SENDING, events::v1::SENT, events::v1::SENT));
  CHECK(tally.lanes().at(kLane).reached_sent == 1);
  CHECK(tally.failures().at({kLane, "GRAPH_131026"}) == 0);
  CHECK(Present(tally, events::v1::FAILED) == 0);
}

TEST_CASE("EtaSeconds: what is left at the speed of now", "[analytics]") {
  LaneFigures f;
  f.lane_state = events::v1::RUNNING;
  f.asked = 100;
  f.states[events::v1::QUEUED - 1] = 30;
  f.states[events::v1::SENT - 1] = 20;  // 50 are not expanded yet
  f.lane_rate_per_s = 0.75;
  CHECK(f.not_expanded() == 50);
  CHECK(f.EtaSeconds() == 107);  // nothing sent yet: at the lane's own rate
  f.reached_sent = 20;
  f.sent_in_window = 21;
  f.window_s = 10;
  CHECK(f.RatePerS() == 2);
  CHECK(f.EtaSeconds() == 40);
  f.sent_in_window = 0;
  f.window_s = 10;
  CHECK_FALSE(f.EtaSeconds().has_value());  // 0/min: nobody can say
  f.lane_state = events::v1::PAUSED;
  CHECK_FALSE(f.EtaSeconds().has_value());
  f.states = {};
  f.states[events::v1::READ - 1] = 100;
  CHECK(f.EtaSeconds() == 0);
}

TEST_CASE("RateWindowSeconds: long enough for 20 messages of the lane", "[analytics]") {
  CHECK(RateWindowSeconds(100) == 10);
  CHECK(RateWindowSeconds(0.75) == 27);
  CHECK(RateWindowSeconds(0.01) == 300);
  CHECK(RateWindowSeconds(0) == 10);  // not known
}

}  // namespace
}  // namespace kabar::analytics
