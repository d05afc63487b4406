// Steps on their way to the ledger, and old texts: loops, PostgreSQL, and gRPC fakes.
#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/eventually.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/step_loop.h"
#include "services/triggers/testing/loop_fixture.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::Soon;
using testing::StatusIs;

using Fixture = testing::LoopFixture;

TEST_CASE_METHOD(Fixture, "steps: from an event to the ledger, of two outlets", "[triggers][pg]") {
  AddAutomation(kB, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  Publish(kA, Paid("e3", "+6281200000001", "Budi"));
  Publish(kB, Paid("e1", "+6281200000001", "Adi"));
  CHECK(Run() == 4);
  CHECK(Run() == 0);
  CHECK(fakes.dispatcher.messages().size() == 4);
  CHECK(fakes.contacts.count(kA) == 2);
  CHECK(fakes.contacts.count(kB) == 1);
  CHECK(fakes.templates.calls() == 2);  // one a batch and template, not one a message

  const DueStep step = Step(kA, "e1");
  CHECK(step.state == StepState::kHandedOver);
  CHECK(step.reason.empty());
  const auto stored = Message(step.message_id);
  CHECK(stored.outlet == kA);
  CHECK(stored.lane == "trg-6-toko-a-wa-1");
  CHECK(stored.message.text() == "Lunas Budi Sepatu");
  CHECK(stored.message.provider_form().name() == "form");
  CHECK(stored.message.phone() == "+6281200000001");
  CHECK(stored.message.subject() == "INV-e1");
  CHECK(stored.message.contact_id() == step.contact_id);
  CHECK(stored.message.render_time().seconds() == absl::ToUnixSeconds(clock.Now()));
  CHECK_FALSE(stored.message.has_refusal());
  CHECK(Message(Step(kB, "e1").message_id).message.text() == "Terima kasih Adi");
  CHECK(Step(kB, "e1").message_id != step.message_id);

  const auto lanes = fakes.dispatcher.lanes();
  REQUIRE(lanes.size() == 2);
  const dispatcher::v1::Lane& lane = lanes.at("trg-6-toko-a-wa-1");
  CHECK(lane.sender_id() == "wa-1");
  CHECK(lane.run_id() == "trg-6-toko-a-wa-1");
  CHECK(lane.priority() == 0);
  CHECK(lane.rate().empty());
  CHECK_FALSE(lane.has_end_time());
  CHECK(lane.purpose() == "DELIVERY_UPDATES");
}

TEST_CASE_METHOD(Fixture, "steps: a contact by its id", "[triggers][pg]") {
  const std::string id = fakes.contacts.Add(kA, "+6281200000009", "Ibu Ani");
  const std::string foreign = fakes.contacts.Add(kB, "+6281200000008", "Adi");
  BusinessEvent event = Paid("e1", "", "");
  event.contact_id = id;
  Publish(kA, event);
  event.id = "e2";
  event.contact_id = foreign;  // of another outlet: not found
  Publish(kA, event);
  CHECK(Run() == 2);
  CHECK(Message(Step(kA, "e1").message_id).message.text() == "Lunas Ibu Ani Sepatu");
  CHECK(Step(kA, "e1").contact_id == id);
  const DueStep refused = Step(kA, "e2");
  CHECK(refused.state == StepState::kRefused);
  CHECK(refused.reason == "CONTACT_NOT_FOUND");
  CHECK(Message(refused.message_id).message.refusal().reason() == "CONTACT_NOT_FOUND");
}

TEST_CASE_METHOD(Fixture, "steps: of somebody erased: refused, and no contact is made of him",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  kabar::testing::TestPostgres().Sql(pool.options().connection,
                                     "UPDATE triggers.events SET phone = '', name = ''");
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kRefused);
  CHECK(Step(kA, "e1").reason == "ERASED");
  CHECK(fakes.contacts.count(kA) == 0);
}

TEST_CASE_METHOD(Fixture, "steps: dead between ledger and record: the same message again",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  dying.dead = true;
  CHECK_THAT(steps.RunOnce(), StatusIs(absl::StatusCode::kUnavailable));
  REQUIRE(fakes.dispatcher.messages().size() == 1);
  const std::string id = fakes.dispatcher.messages().begin()->first;
  CHECK(Step(kA, "e1").state == StepState::kWaiting);

  // What comes after knows nothing of it, and the contact is another by now.
  fakes.contacts.Replace(kA);
  HandOver reborn(store, peers, clock);
  StepLoop again(store, reborn, clock);
  CHECK(*again.RunOnce() == 0);    // the lease still holds
  clock.Advance(absl::Hours(30));  // over midnight
  REQUIRE(*again.RunOnce() == 1);
  CHECK(fakes.contacts.count(kA) == 1);
  const auto messages = fakes.dispatcher.messages();
  REQUIRE(messages.size() == 1);
  CHECK(messages.begin()->first == id);
  CHECK(messages.begin()->second.enqueues == 2);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
  CHECK(Step(kA, "e1").message_id == id);
}

TEST_CASE_METHOD(Fixture, "steps: an answer of the ledger that is lost: the same message again",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  fakes.dispatcher.faults.Fail(absl::UnavailableError("cut"), 1, /*after_work=*/true);
  CHECK(Run() == 1);
  const DueStep waiting = Step(kA, "e1");
  CHECK(waiting.state == StepState::kWaiting);
  CHECK(waiting.reason == "UNAVAILABLE");
  CHECK(fakes.dispatcher.messages().size() == 1);
  clock.Advance(absl::Seconds(2));
  CHECK(Run() == 1);
  CHECK(fakes.dispatcher.messages().size() == 1);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
  CHECK(Step(kA, "e1").message_id == waiting.message_id);
}

TEST_CASE_METHOD(Fixture, "steps: services that are away are waited for", "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  const auto try_with = [&](testing::Faults& faults) {
    faults.Fail(absl::UnavailableError("away"), 1);
    CHECK(Run() == 1);
    CHECK(Step(kA, "e1").state == StepState::kWaiting);
    CHECK(Run() == 0);  // not at once
    clock.Advance(absl::Seconds(31));
  };
  try_with(fakes.contacts.faults);
  try_with(fakes.templates.faults);
  try_with(fakes.dispatcher.faults);
  CHECK(fakes.dispatcher.messages().empty());
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
}

TEST_CASE_METHOD(Fixture, "steps: what cannot be rendered is refused, in the ledger too",
                 "[triggers][pg]") {
  BusinessEvent lacking = Paid("e1", "+6281200000001", "Budi");
  lacking.variables.clear();
  Publish(kA, lacking);
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  CHECK(Run() == 2);
  const DueStep refused = Step(kA, "e1");
  CHECK(refused.state == StepState::kRefused);
  CHECK(refused.reason == "MISSING_VARIABLE");
  const auto stored = Message(refused.message_id);
  CHECK(stored.message.refusal().state() == events::v1::FAILED);
  CHECK(stored.message.refusal().reason() == "MISSING_VARIABLE");
  CHECK(stored.message.text().empty());
  CHECK(Step(kA, "e2").state == StepState::kHandedOver);
}

TEST_CASE_METHOD(Fixture, "steps: a template that is gone, a sender that is gone",
                 "[triggers][pg]") {
  AddAutomation(kB, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(Do(kB,
                  [](Store::Unit& unit) -> absl::Status {
                    auto changed = unit.Lock("aut_1");
                    changed->sender_id = "wa-gone";
                    return unit.Save(*changed);
                  }),
               IsOk());
  REQUIRE_THAT(Do(kA,
                  [](Store::Unit& unit) -> absl::Status {
                    auto changed = unit.Lock("aut_1");
                    changed->template_id = "tpl_gone";
                    return unit.Save(*changed);
                  }),
               IsOk());
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  Publish(kB, Paid("e1", "+6281200000001", "Adi"));
  CHECK(Run() == 3);
  for (const char* event : {"e1", "e2"}) {
    CHECK(Step(kA, event).state == StepState::kRefused);
    CHECK(Step(kA, event).reason == "TEMPLATE_NOT_FOUND");
    CHECK(Message(Step(kA, event).message_id).message.refusal().reason() == "TEMPLATE_NOT_FOUND");
  }
  CHECK(Step(kB, "e1").state == StepState::kRefused);
  CHECK(Step(kB, "e1").reason == "SENDER_NOT_FOUND");
  CHECK(fakes.dispatcher.messages().size() == 2);
}

TEST_CASE_METHOD(Fixture, "steps: one that is refused takes no other with it", "[triggers][pg]") {
  BusinessEvent bad = Paid("e1", "+6281200000001", "Budi");
  bad.variables[0].value = "refuse-me";  // the ledger refuses a batch that holds it
  Publish(kA, bad);
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  BusinessEvent nobody = Paid("e3", "+0", "Siti");  // contacts refuses a batch that holds it
  Publish(kA, nobody);
  CHECK(Run() == 3);
  CHECK(Step(kA, "e1").state == StepState::kRefused);
  CHECK(Step(kA, "e2").state == StepState::kHandedOver);
  CHECK(Step(kA, "e3").state == StepState::kRefused);
  CHECK(fakes.dispatcher.messages().size() == 1);
}

TEST_CASE_METHOD(Fixture, "steps: a disabled automation sends nothing more", "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  REQUIRE_THAT(Do(kA, [](Store::Unit& unit) { return unit.Delete("aut_1", At(0)); }), IsOk());
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kRefused);
  CHECK(Step(kA, "e1").reason == "AUTOMATION_DISABLED");
  CHECK(fakes.dispatcher.messages().empty());
}

TEST_CASE_METHOD(Fixture, "steps: messages of several days go day by day", "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  clock.Advance(absl::Hours(24));
  Publish(kA, Paid("e2", "+6281200000001", "Budi"));
  CHECK(Run() == 2);
  CHECK(Step(kA, "e1").message_id.substr(0, 8) == "20261121");
  CHECK(Step(kA, "e2").message_id.substr(0, 8) == "20261122");
  CHECK(fakes.dispatcher.messages().size() == 2);
}

TEST_CASE_METHOD(Fixture, "steps: a lane that the ledger lost is made anew", "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  fakes.dispatcher.ForgetLanes();
  Publish(kA, Paid("e2", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e2").state == StepState::kWaiting);
  clock.Advance(absl::Seconds(2));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e2").state == StepState::kHandedOver);
}

TEST_CASE_METHOD(Fixture, "step loop: wakes for what is planned, and for its time",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_2", EventType::kOrderPaid, absl::Minutes(10));
  steps.Start();
  REQUIRE(clock.WaitForSleepers(1));
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  steps.Wake();
  REQUIRE(kabar::testing::Eventually([&] { return fakes.dispatcher.messages().size() == 1; }));
  REQUIRE(clock.WaitForSleepers(1));
  clock.Advance(absl::Minutes(10));
  REQUIRE(kabar::testing::Eventually([&] { return fakes.dispatcher.messages().size() == 2; }));
  steps.Stop();
}

TEST_CASE_METHOD(Fixture, "stale loop: old texts are rendered again under their ids",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  CHECK(Run() == 2);
  CHECK(*stale.RunOnce() == 0);
  const std::string id = Step(kA, "e1").message_id;
  fakes.dispatcher.MakeStale(id);
  fakes.templates.Put(kA, "tpl_1", "Sudah lunas", {"name"});
  clock.Advance(absl::Minutes(11));
  CHECK(*stale.RunOnce() == 1);
  const auto again = Message(id);
  CHECK(again.message.text() == "Sudah lunas Budi");
  CHECK(again.message.subject() == "INV-e1");
  CHECK(again.message.contact_id() == Step(kA, "e1").contact_id);
  CHECK(again.message.render_time().seconds() == absl::ToUnixSeconds(clock.Now()));
  CHECK(again.enqueues == 2);
  CHECK(Message(Step(kA, "e2").message_id).enqueues == 1);
  CHECK(*stale.RunOnce() == 0);
}

TEST_CASE_METHOD(Fixture, "stale loop: what cannot be sent any more is refused", "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  const std::string id = Step(kA, "e1").message_id;
  const std::string stranger = "20261121-strangerstrangerstrangerst";
  fakes.dispatcher.AddStranger(kA, "trg-6-toko-a-wa-1", stranger);
  fakes.dispatcher.MakeStale(id);
  REQUIRE_THAT(Do(kA, [](Store::Unit& unit) { return unit.Delete("aut_1", At(0)); }), IsOk());
  CHECK(*stale.RunOnce() == 2);
  CHECK(Message(id).message.refusal().state() == events::v1::SUPPRESSED);
  CHECK(Message(id).message.refusal().reason() == "AUTOMATION_DISABLED");
  CHECK(Message(stranger).message.refusal().state() == events::v1::FAILED);
  CHECK(Message(stranger).message.refusal().reason() == "STEP_NOT_FOUND");
}

}  // namespace
}  // namespace kabar::triggers
