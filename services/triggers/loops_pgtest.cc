// The loops as a whole: PostgreSQL, and contacts, templates and dispatcher as gRPC services of the
// test's own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/consumer.h"
#include "libs/testing/eventually.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/answer_loop.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/peers.h"
#include "services/triggers/stale_loop.h"
#include "services/triggers/step_loop.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/dispatcher_events.h"
#include "services/triggers/testing/fake_peers.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::Changed;
using testing::InboundFrom;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::Soon;
using testing::StatusIs;

// A service that dies between the ledger and its own record.
class DyingStore : public PgStore {
 public:
  using PgStore::PgStore;
  bool dead = false;

  absl::StatusOr<std::int64_t> ChangeSteps(absl::Span<const StepChange> changes, absl::Time now,
                                           absl::Time deadline) override {
    if (dead) return absl::UnavailableError("died");
    return PgStore::ChangeSteps(changes, now, deadline);
  }
};

struct Fixture : testing::Database {
  kabar::testing::FakeClock clock;
  testing::FakePeers fakes;
  Peers peers{{.contacts = fakes.server.address(),
               .templates = fakes.server.address(),
               .dispatcher = fakes.server.address()},
              "service"};
  DyingStore dying{pool};
  HandOver hand_over{dying, peers, clock};
  StepLoop steps{dying, hand_over, clock};
  StaleLoop stale{dying, peers, hand_over, clock};
  AnswerLoop answers{dying, peers, clock, AnswerLoop::Options{}};

  Fixture() {
    fakes.dispatcher.AddSender(kA, "wa-1");
    fakes.dispatcher.AddSender(kB, "wa-2");
    fakes.templates.Put(kA, "tpl_1", "Lunas", {"name", "productname"});
    fakes.templates.Put(kB, "tpl_1", "Terima kasih", {"name"});
    AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  }

  BusinessEvent Paid(const std::string& id, const std::string& phone, const std::string& name) {
    BusinessEvent event = Event(id);
    event.phone = phone;
    event.name = name;
    event.variables = {{"documentnumber", "INV-" + id}, {"nama_produk", "Sepatu"}};
    return event;
  }
  void Publish(const std::string& outlet, const BusinessEvent& event) {
    REQUIRE_THAT(store.Publish(outlet, event, clock.Now(), Soon()), IsOk());
  }
  int Run() {
    const auto taken = steps.RunOnce();
    REQUIRE_THAT(taken, IsOk());
    return *taken;
  }
  DueStep Step(const std::string& outlet, const std::string& event_id) {
    const auto found = store.ListSteps(outlet, event_id, {}, 10, Soon());
    REQUIRE(found->size() == 1);
    return found->at(0);
  }
  testing::FakeDispatcher::Stored Message(const std::string& id) {
    const auto messages = fakes.dispatcher.messages();
    REQUIRE(messages.contains(id));
    return messages.at(id);
  }
};

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
  CHECK(stored.lane == "trg-toko-a-wa-1");
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
  const dispatcher::v1::Lane& lane = lanes.at("trg-toko-a-wa-1");
  CHECK(lane.sender_id() == "wa-1");
  CHECK(lane.run_id() == "trg-toko-a-wa-1");
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
  fakes.dispatcher.AddStranger(kA, "trg-toko-a-wa-1", stranger);
  fakes.dispatcher.MakeStale(id);
  REQUIRE_THAT(Do(kA, [](Store::Unit& unit) { return unit.Delete("aut_1", At(0)); }), IsOk());
  CHECK(*stale.RunOnce() == 2);
  CHECK(Message(id).message.refusal().state() == events::v1::SUPPRESSED);
  CHECK(Message(id).message.refusal().reason() == "AUTOMATION_DISABLED");
  CHECK(Message(stranger).message.refusal().state() == events::v1::FAILED);
  CHECK(Message(stranger).message.refusal().reason() == "STEP_NOT_FOUND");
}

struct AnswerFixture : Fixture {
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink(clock);
  std::int64_t number = 0;
  std::string budi = fakes.contacts.Add(kA, "+6281200000001", "Budi");

  void Apply(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const auto& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  std::vector<CustomerAnswer> Recorded(const std::string& outlet = kA) {
    return *store.ListAnswers(outlet, "", {}, 100, Soon());
  }
};

TEST_CASE_METHOD(AnswerFixture, "answers: to the newest message of the contact, or by context",
                 "[triggers][pg]") {
  events::v1::Event by_context = InboundFrom(kA, "wamid.2", "+6281200000001", "Tidak", At(20));
  by_context.mutable_inbound_received()->set_context_message_id("m1");
  by_context.mutable_inbound_received()->set_context_run_id("run-m1");
  by_context.mutable_inbound_received()->set_context_contact_id(budi);
  Apply({Changed(kA, "m1", budi, events::v1::SENT, At(0)),
         Changed(kA, "m2", budi, events::v1::SENT, At(10)),
         InboundFrom(kA, "wamid.1", "+6281200000001", "Yaa 👍", At(20)), by_context});
  CHECK(*answers.RunOnce() == 2);
  const std::vector<CustomerAnswer> recorded = Recorded();
  REQUIRE(recorded.size() == 2);
  CHECK(recorded[0].message_id == "m2");
  CHECK(recorded[0].run_id == "run-m2");
  CHECK(recorded[0].contact_id == budi);
  CHECK(recorded[0].answer == Answer::kYes);
  CHECK(recorded[1].message_id == "m1");
  CHECK(recorded[1].run_id == "run-m1");
  CHECK(recorded[1].answer == Answer::kNo);
}

TEST_CASE_METHOD(AnswerFixture, "answers: one that is faster than its message waits for it",
                 "[triggers][pg]") {
  Apply({InboundFrom(kA, "wamid.1", "+6281200000001", "ya", At(0))});
  CHECK(*answers.RunOnce() == 1);
  CHECK(Recorded().empty());
  Apply({Changed(kA, "m1", budi, events::v1::SENT, At(1))});
  clock.Advance(absl::Seconds(1));
  CHECK(*answers.RunOnce() == 1);
  REQUIRE(Recorded().size() == 1);
  CHECK(Recorded()[0].message_id == "m1");
}

TEST_CASE_METHOD(AnswerFixture, "answers: to nothing of ours, from nobody we know",
                 "[triggers][pg]") {
  fakes.contacts.Add(kB, "+6281299999999", "Adi");
  Apply({Changed(kA, "m1", budi, events::v1::SENT, At(0)),
         InboundFrom(kA, "wamid.1", "+6281299999999", "halo", At(1)),
         InboundFrom(kA, "wamid.2", "+0", "ya", At(2)),
         InboundFrom(kB, "wamid.3", "+6281299999999", "ya", At(3)),
         InboundFrom(kA, "wamid.4", "+6281200000001", "ya", At(4))});
  CHECK(*answers.RunOnce() == 4);
  REQUIRE(Recorded().size() == 1);  // the one that contacts refuses holds up no other
  CHECK(Recorded()[0].inbound_id == "wamid.4");
  clock.Advance(kAnswerPatience);
  CHECK(*answers.RunOnce() == 3);
  REQUIRE(Recorded().size() == 3);
  CHECK(Recorded()[0].message_id.empty());
  CHECK(Recorded()[0].contact_id.empty());
  CHECK(Recorded()[0].answer == Answer::kOther);
  CHECK(Recorded()[1].answer == Answer::kYes);
  REQUIRE(Recorded(kB).size() == 1);
  CHECK(Recorded(kB)[0].contact_id == "con_toko-b_1");
  CHECK(Recorded(kB)[0].message_id.empty());
}

TEST_CASE_METHOD(AnswerFixture, "answers: contacts is waited for", "[triggers][pg]") {
  Apply({Changed(kA, "m1", budi, events::v1::SENT, At(0)),
         InboundFrom(kA, "wamid.1", "+6281200000001", "ya", At(4))});
  fakes.contacts.faults.Fail(absl::UnavailableError("away"), 1);
  CHECK_THAT(answers.RunOnce(), StatusIs(absl::StatusCode::kUnavailable));
  clock.Advance(absl::Hours(1));  // however long
  CHECK(*answers.RunOnce() == 1);
  REQUIRE(Recorded().size() == 1);
  CHECK(Recorded()[0].message_id == "m1");
}

TEST_CASE_METHOD(AnswerFixture, "answers: from the stream of events to the record",
                 "[triggers][pg]") {
  const rpc::Caller caller("service");
  WakingSink waking(store.MakeDispatcherSink(clock), answers);
  events::Consumer consumer(
      {.source = "dispatcher", .consumer = "triggers"}, rpc::MakeChannel(fakes.server.address()),
      [&](grpc::ClientContext& context) {
        caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
      },
      waking);
  answers.Start();
  consumer.Start();
  for (int i = 0; i < 20; ++i) {
    events::v1::EventBatch batch;
    *batch.add_events() = Changed(kA, absl::StrCat("m", i), budi, events::v1::SENT, At(i));
    *batch.add_events() = InboundFrom(kA, absl::StrCat("wamid.", i), "+6281200000001", "ya", At(i));
    fakes.events.Append(batch);
  }
  REQUIRE(kabar::testing::Eventually([&] { return Recorded().size() == 20; }));
  consumer.Stop();
  answers.Stop();
  for (const CustomerAnswer& answer : Recorded()) {
    CHECK(absl::StartsWith(answer.message_id, "m"));
    CHECK(answer.answer == Answer::kYes);
  }
  CHECK(*sink->Position(Soon()) == 20);
}

}  // namespace
}  // namespace kabar::triggers
