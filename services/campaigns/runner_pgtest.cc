#include "services/campaigns/runner.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using Catch::Matchers::Contains;
using events::v1::MessageState;
using kabar::testing::IsOk;

// A campaign of 250 shipments, started, of which nothing has been done yet.
struct Run : testing::CampaignFixture {
  explicit Run(int audience = 250) {
    contacts.audience = audience;
    Campaign c = Put(State::kRunning);
    c.asked.reset();
    c.cursor = 0;
    c.rate = "600/min";
    c.end_at = clock.Now() + absl::Hours(1);
    Write([&](Store::Unit& unit) { return unit.Save(c, clock.Now()); });
  }

  // As many steps as are due, with the time that passes between them.
  void Steps(int n, absl::Duration between = absl::Seconds(1)) {
    for (int i = 0; i < n; ++i) {
      clock.Advance(between);
      REQUIRE_THAT(runner->Step(), IsOk());
    }
  }
  void Events(MessageState from, MessageState to, int times) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (int i = 0; i < times; ++i) {
      auto* changed = batch.mutable_batch()->add_events()->mutable_message_changed();
      changed->set_run_id("run_1");
      changed->set_from(from);
      changed->set_to(to);
    }
    Apply(batch);
  }
  void LaneEvent(events::v1::LaneState to, const std::string& reason) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    auto* changed = batch.mutable_batch()->add_events()->mutable_lane_changed();
    changed->set_run_id("run_1");
    changed->set_lane_id("run_1");
    changed->set_to(to);
    changed->set_reason(reason);
    Apply(batch);
  }
  void Apply(const events::v1::NumberedBatch& batch) {
    const events::v1::NumberedBatch* const views[] = {&batch};
    REQUIRE_THAT(sink->Apply(views, Soon()), IsOk());
  }
  // Another process takes over, without what this one knew.
  void Restart() {
    runner = std::make_unique<Runner>(RunnerOptions{.name = "another"}, store, peers, clock);
  }
  void Verb(absl::FunctionRef<absl::Status(Campaign&)> change) {
    Write([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock("cmp_1"));
      KABAR_RETURN_IF_ERROR(change(c));
      std::optional<absl::Time> due;
      if (!c.ended()) due = clock.Now();
      return unit.Save(c, due);
    });
  }
  int InLedger() const { return static_cast<int>(dispatcher.ledger.size()); }

  kabar::testing::FakeClock clock{absl::Now()};
  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer server{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = server.address(), .templates = server.address(), .dispatcher = server.address()},
      "service"};
  std::unique_ptr<Runner> runner =
      std::make_unique<Runner>(RunnerOptions{.name = "test"}, store, peers, clock);
  const std::unique_ptr<events::Sink> sink = store.MakeSink(nullptr);
  std::int64_t number = 0;
};

TEST_CASE("Runner: hands the audience over in order, once, and completes the run", "[campaigns]") {
  Run f;
  f.Steps(5);
  CHECK(f.Get().template_version == 7);
  CHECK(f.Get().asked == 250);
  CHECK(f.Get().cursor == 250);
  REQUIRE(f.InLedger() == 250);
  for (int i = 0; i < 250; ++i) CHECK(f.dispatcher.ledger[i].ordinal() == i + 1);
  CHECK(f.dispatcher.ledger[4].text() == "Halo Budi 5");
  f.Events({}, events::v1::QUEUED, 250);
  f.Steps(2);
  CHECK(f.dispatcher.finished);
  CHECK(f.Get().state == State::kRunning);
  f.Events(events::v1::QUEUED, events::v1::SENT, 250);
  f.Steps(1);
  CHECK(f.Get().state == State::kCompleted);
  CHECK(f.runner->remembered() == 0);
}

TEST_CASE("Runner: is never more than a minute of the rate ahead", "[campaigns]") {
  Run f(5000);  // 600/min
  f.Steps(20);
  CHECK(f.InLedger() == 600);
  f.Events({}, events::v1::QUEUED, 600);
  f.Events(events::v1::QUEUED, events::v1::SENT, 250);
  f.Steps(10);
  CHECK(f.InLedger() == 850);
}

TEST_CASE("Runner: a batch whose handing over was cut off is handed over again, as the same",
          "[campaigns]") {
  Run f;
  f.dispatcher.enqueue_answer = testing::Away();  // it is in the ledger, the answer is lost
  f.Steps(2);
  REQUIRE(f.InLedger() == 100);
  CHECK(f.Get().cursor == 0);
  f.dispatcher.enqueue_answer = absl::OkStatus();
  f.Restart();
  f.Steps(8, absl::Seconds(6));
  CHECK(f.Get().cursor == 250);
  CHECK(f.InLedger() == 250);
}

TEST_CASE("Runner: a pause in the midst of a step stands, and keeps the step's work",
          "[campaigns]") {
  Run f;
  f.Steps(1);
  f.dispatcher.on_enqueue = [&] {
    f.Verb([&](Campaign& c) { return Pause(c, "", f.clock.Now()); });
    f.dispatcher.lane.set_state(events::v1::PAUSED);
  };
  f.Steps(1);
  f.dispatcher.on_enqueue = nullptr;
  f.Steps(5);
  CHECK(f.Get().state == State::kPaused);
  CHECK(f.Get().cursor == 100);
  CHECK(f.InLedger() == 100);
  f.Verb([&](Campaign& c) { return Resume(c, f.clock.Now()); });
  f.dispatcher.lane.set_state(events::v1::RUNNING);
  f.Steps(4);
  CHECK(f.InLedger() == 250);
}

TEST_CASE("Runner: nothing is handed over past the end time", "[campaigns]") {
  Run f;
  f.Steps(2);
  f.Events({}, events::v1::QUEUED, 100);
  f.clock.Advance(absl::Hours(1));
  f.Steps(3);
  CHECK(f.InLedger() == 100);
  CHECK(f.Get().state == State::kRunning);
  CHECK_THAT(f.Get().state_reason, Contains("end time has passed"));
  f.Events(events::v1::QUEUED, events::v1::EXPIRED, 100);
  f.Steps(1);
  CHECK(f.Get().state == State::kCompleted);
  CHECK(f.Get().state_reason.empty());
  CHECK(f.Get().not_expanded() == 150);
}

TEST_CASE("Runner: what comes to light while a run ends does not leave it standing",
          "[campaigns]") {
  Run f;
  f.Steps(2);
  f.Events({}, events::v1::QUEUED, 100);
  f.clock.Advance(absl::Hours(1));
  f.Events(events::v1::QUEUED, events::v1::EXPIRED, 100);
  // Of a batch that a killed process had handed over.
  f.dispatcher.on_finish = [&] { f.Events({}, events::v1::EXPIRED, 100); };
  f.Steps(1);
  REQUIRE(f.dispatcher.finished);
  CHECK(f.Get().state == State::kRunning);
  f.dispatcher.on_finish = nullptr;
  f.Steps(1);
  CHECK(f.Get().state == State::kCompleted);
  CHECK(f.Get().not_expanded() == 50);
}

TEST_CASE("Runner: says which service is away while it is, and goes on after", "[campaigns]") {
  Run f;
  f.Steps(2);
  absl::Status* fault = nullptr;
  std::string name;
  SECTION("templates") {
    fault = &f.templates.fault;
    name = "templates";
  }
  SECTION("contacts") {
    fault = &f.contacts.fault;
    name = "contacts";
  }
  SECTION("dispatcher") {
    fault = &f.dispatcher.fault;
    name = "dispatcher";
  }
  *fault = testing::Away();
  f.Steps(2, absl::Seconds(6));
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.Get().state_reason ==
        "the " + name + " service cannot be reached; tried again every few seconds");
  CHECK(f.InLedger() == 100);
  *fault = absl::OkStatus();
  f.Steps(4, absl::Seconds(6));
  CHECK(f.Get().state_reason.empty());
  CHECK(f.InLedger() == 250);
}

TEST_CASE("Runner: a template that is gone ends the campaign with the reason", "[campaigns]") {
  Run f;
  f.Steps(1);
  f.templates.fault = testing::Gone("template");
  f.Steps(1);
  CHECK(f.Get().state == State::kFailed);
  CHECK_THAT(f.Get().state_reason, Contains("there is no such template"));
  CHECK(f.dispatcher.lane.state() == events::v1::CANCELLED_LANE);
  CHECK(f.runner->remembered() == 0);
}

TEST_CASE("Runner: says that the sender is paused while it is", "[campaigns]") {
  Run f;
  f.Steps(4);
  f.Events({}, events::v1::QUEUED, 250);
  f.dispatcher.sender.set_state(dispatcher::v1::STOPPED);
  f.dispatcher.sender.set_state_reason("GRAPH_190");
  f.Steps(5, absl::Seconds(2));
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.Get().state_reason ==
        "sender snd_1 is STOPPED (GRAPH_190); nothing is sent until it is ACTIVE again");
  f.dispatcher.sender.set_state(dispatcher::v1::ACTIVE);
  f.Steps(2, absl::Seconds(2));
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("Runner: the probes of an open circuit do not hide that the number is in trouble",
          "[campaigns]") {
  Run f;
  f.Steps(4);
  f.Events({}, events::v1::QUEUED, 250);
  f.dispatcher.sender.mutable_health()->set_circuit_open(true);
  f.dispatcher.sender.mutable_health()->set_reason("no answer; one probe from time to time");
  for (int probe = 0; probe < 4; ++probe) {
    f.Events(events::v1::QUEUED, events::v1::UNKNOWN, 1);
    f.Steps(1, absl::Seconds(2));
  }
  CHECK(f.Get().state_reason == "sender snd_1: no answer; one probe from time to time");
  f.dispatcher.sender.clear_health();
  f.Events(events::v1::QUEUED, events::v1::SENT, 1);
  f.Steps(1);
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("Runner: a campaign under an operator's pause says who paused what and why",
          "[campaigns]") {
  Run f;
  f.Steps(4);
  f.Events({}, events::v1::QUEUED, 250);
  auto& pause = *f.dispatcher.lane.add_pauses();
  pause.set_by("siti");
  pause.set_reason("wrong price");
  const auto [scope, id, what, lift] =
      GENERATE(table<dispatcher::v1::SendingTarget::Scope, std::string, std::string, std::string>(
          {{dispatcher::v1::SendingTarget::LANE, "run_1", "the campaign's lane",
            ": kabarctl resume --lane run_1"},
           {dispatcher::v1::SendingTarget::SENDER, "snd_1", "sender snd_1",
            ": kabarctl resume --sender snd_1"},
           {dispatcher::v1::SendingTarget::OUTLET, "toko-a", "outlet toko-a",
            ": kabarctl resume --outlet"},
           {dispatcher::v1::SendingTarget::ALL, "", "everything",
            ", which takes a SERVICE key that is bound to no outlet: kabarctl resume --all"}}));
  pause.mutable_target()->set_scope(scope);
  pause.mutable_target()->set_id(id);
  f.Steps(5, absl::Seconds(2));
  CHECK(f.Get().state_reason ==
        what + " was paused by siti (wrong price); nothing is sent until it is resumed" + lift);
  CHECK(f.Get().state == State::kRunning);
  f.dispatcher.lane.clear_pauses();
  f.Steps(2, absl::Seconds(2));
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("Runner: names the messaging limit when queued messages do not go", "[campaigns]") {
  Run f;
  f.dispatcher.plan.set_messaging_limit(220);
  f.dispatcher.plan.set_trigger_reserve(20);
  f.dispatcher.plan.set_left_over(7);
  f.dispatcher.plan.mutable_next_place_time()->set_seconds(1800000000);
  f.Steps(4);
  f.Events({}, events::v1::QUEUED, 250);
  f.Events(events::v1::QUEUED, events::v1::SENT, 200);
  f.Steps(5, absl::Seconds(5));
  CHECK(f.Get().state_reason.empty());
  f.Steps(3, absl::Seconds(5));
  CHECK_THAT(f.Get().state_reason, Contains("50 messages queued, but none has gone out since"));
  CHECK_THAT(f.Get().state_reason, Contains("limit (220 recipients in 24 h, 20 of them kept"));
  CHECK_THAT(f.Get().state_reason, Contains("goes on by itself at 2027-01-15 08:00 UTC, but 7"));
  CHECK(f.dispatcher.planned.recipients() == 50);
  CHECK(f.dispatcher.planned.lane_id() == f.Get().run_id);
  f.Events(events::v1::QUEUED, events::v1::SENT, 1);
  f.Steps(1);
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("Runner: a plan that cannot be had does not end the campaign", "[campaigns]") {
  Run f(5000);  // 600/min
  f.Steps(20);
  f.Events({}, events::v1::QUEUED, 600);
  f.Events(events::v1::QUEUED, events::v1::SENT, 50);
  f.Steps(1);
  REQUIRE(f.Get().cursor == 650);
  SECTION("its Redis is not built yet") {
    f.dispatcher.plan_fault =
        base::Error(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_BUILT", "not built");
  }
  SECTION("its Redis is away") { f.dispatcher.plan_fault = testing::Away(); }
  f.Steps(8, absl::Seconds(5));
  REQUIRE(f.dispatcher.planned.recipients() > 0);
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.dispatcher.lane.state() == events::v1::RUNNING);
  CHECK_THAT(f.Get().state_reason, Contains("550 messages queued, but none has gone out since"));
  CHECK_THAT(f.Get().state_reason, Contains("it goes on by itself"));
}

TEST_CASE("Runner: a message whose text is old is rendered anew under the id that the ledger has",
          "[campaigns]") {
  Run f;
  f.Steps(4);
  REQUIRE(f.InLedger() == 250);
  f.Events({}, events::v1::QUEUED, 250);
  // Of a version that made ids otherwise; each is in the ledger.
  f.dispatcher.ledger.clear();
  for (const int ordinal : {3, 200}) {
    auto& old = f.dispatcher.stale.emplace_back();
    old.set_id(absl::StrCat("20260301-formerformerformerform", ordinal));
    old.set_ordinal(ordinal);
  }
  f.Steps(3, absl::Minutes(5));
  REQUIRE(f.InLedger() == 2);
  CHECK(f.dispatcher.ledger[0].id() == "20260301-formerformerformerform3");
  CHECK(f.dispatcher.ledger[0].ordinal() == 3);
  CHECK(f.dispatcher.ledger[0].text() == "Halo Budi 3");
  CHECK(f.dispatcher.ledger[1].id() == "20260301-formerformerformerform200");
  CHECK(f.dispatcher.stale.empty());
}

TEST_CASE("Runner: says that the last messages wait for WhatsApp's word", "[campaigns]") {
  Run f;
  f.Steps(4);
  f.Events({}, events::v1::SENT, 249);
  f.Events({}, events::v1::UNKNOWN, 1);
  f.Steps(4, absl::Seconds(2));
  CHECK(f.Get().state == State::kRunning);
  CHECK_THAT(f.Get().state_reason, Contains("whether WhatsApp took 1 message is not known"));
  f.Events(events::v1::UNKNOWN, events::v1::DELIVERED, 1);
  f.Steps(1);
  CHECK(f.Get().state == State::kCompleted);
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("Runner: a pause's event that comes after the resume does not stand", "[campaigns]") {
  Run f;
  f.Steps(2);
  f.LaneEvent(events::v1::PAUSED, "GRAPH_132001");  // the lane has been resumed since
  CHECK(f.Get().state == State::kPaused);
  f.Steps(1);
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.Get().state_reason.empty());
  f.Steps(3);
  CHECK(f.InLedger() == 250);
}

TEST_CASE("Runner: a lane that is paused pauses its campaign, whatever the events said",
          "[campaigns]") {
  Run f;
  f.Steps(2);
  f.Events({}, events::v1::QUEUED, 100);
  f.dispatcher.lane.set_state(events::v1::PAUSED);
  f.dispatcher.lane.set_state_reason("GRAPH_132001");
  f.Steps(6, absl::Seconds(2));
  CHECK(f.Get().state == State::kPaused);
  CHECK(f.Get().state_reason == "GRAPH_132001");
  f.Steps(3);
  CHECK(f.Get().state == State::kPaused);
}

TEST_CASE("Runner: a person's pause that the lane never heard of is told to it", "[campaigns]") {
  Run f;
  f.Steps(2);
  f.Verb([&](Campaign& c) { return Pause(c, "", f.clock.Now()); });  // and died before the lane's
  f.Restart();
  f.Steps(2);
  CHECK(f.Get().state == State::kPaused);
  CHECK(f.dispatcher.lane.state() == events::v1::PAUSED);
}

TEST_CASE("Runner: forgets campaigns for which no step comes any more", "[campaigns]") {
  Run f;
  f.Steps(2);
  CHECK(f.runner->remembered() == 1);
  f.Verb([&](Campaign& c) { return Cancel(c, f.clock.Now()); });  // never due again
  f.clock.Advance(absl::Minutes(11));
  f.Write([&](Store::Unit& unit) {
    Campaign other = f.Get();
    other.id = "cmp_2";
    return unit.Insert(other);
  });
  f.Write([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(Campaign other, unit.Lock("cmp_2"));
    other.state = State::kRunning;
    other.run_id = "run_2";
    other.run_day = absl::CivilDay(2026, 3, 1);
    other.asked = 250;
    return unit.Save(other, f.clock.Now());
  });
  f.Steps(1);
  CHECK(f.runner->remembered() == 1);  // the other one
}

TEST_CASE("Runner: what a batch in flight added before the end counts as handed over",
          "[campaigns]") {
  Run f;
  f.dispatcher.enqueue_answer = testing::Away();
  f.Steps(2);
  REQUIRE(f.Get().cursor == 0);
  SECTION("cancelled") {
    f.Verb([&](Campaign& c) { return Cancel(c, f.clock.Now()); });
    CHECK(f.Get().not_expanded() == 250);
    f.Events({}, events::v1::CANCELLED, 100);
    CHECK(f.Get().not_expanded() == 150);
  }
  SECTION("past its end") {
    f.clock.Advance(absl::Hours(1));
    f.Events({}, events::v1::QUEUED, 100);
    f.Events(events::v1::QUEUED, events::v1::EXPIRED, 100);
    f.Steps(2, absl::Seconds(6));
    CHECK(f.Get().state == State::kCompleted);
    CHECK(f.Get().not_expanded() == 150);
  }
}

}  // namespace
}  // namespace kabar::campaigns
