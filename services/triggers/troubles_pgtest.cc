// Automatic messages whose provider template WhatsApp would not take: they wait, and none is lost.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"

#include "services/triggers/testing/loop_fixture.h"

namespace kabar::triggers {
namespace {

using testing::kA;

using Fixture = testing::LoopFixture;

constexpr char kPaused[] = "PROVIDER_TEMPLATE_PAUSED";

TEST_CASE_METHOD(Fixture, "steps: a provider template that is paused: they wait, and then go",
                 "[triggers][pg]") {
  fakes.templates.SetTrouble(kPaused);
  fakes.dispatcher.OpenWindow("+6281200000002");
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  CHECK(Run() == 2);
  CHECK(Step(kA, "e1").state == StepState::kWaiting);
  CHECK(Step(kA, "e1").reason == kPaused);
  // Her window is open: the text goes.
  CHECK(Step(kA, "e2").state == StepState::kHandedOver);
  CHECK(Message(Step(kA, "e2").message_id).message.text() == "Lunas Siti Sepatu");
  CHECK_FALSE(Message(Step(kA, "e2").message_id).message.has_provider_form());
  CHECK(fakes.dispatcher.messages().size() == 1);

  for (int i = 0; i < 6; ++i) {  // WhatsApp's first pause
    CHECK(Run() == 0);           // not at once
    clock.Advance(absl::Minutes(30));
    CHECK(Run() == 1);
    CHECK(Step(kA, "e1").state == StepState::kWaiting);
  }
  fakes.templates.SetTrouble("");
  clock.Advance(absl::Minutes(5));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
  CHECK(Step(kA, "e1").reason.empty());
  CHECK(Message(Step(kA, "e1").message_id).message.provider_form().name() == "form");
}

TEST_CASE_METHOD(Fixture, "steps: one whose trouble does not pass is refused for it in the end",
                 "[triggers][pg]") {
  fakes.templates.SetTrouble("PROVIDER_TEMPLATE_DISABLED");
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  clock.Advance(kHeldFor - absl::Seconds(1));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kWaiting);
  clock.Advance(absl::Minutes(5));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kRefused);
  CHECK(Step(kA, "e1").reason == "PROVIDER_TEMPLATE_DISABLED");
  const auto stored = Message(Step(kA, "e1").message_id);
  CHECK(stored.message.refusal().state() == events::v1::FAILED);
  CHECK(stored.message.refusal().reason() == "PROVIDER_TEMPLATE_DISABLED");
}

TEST_CASE_METHOD(Fixture,
                 "steps: one that waits for its provider template goes with its automation",
                 "[triggers][pg]") {
  fakes.templates.SetTrouble(kPaused);
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  REQUIRE(Step(kA, "e1").state == StepState::kWaiting);
  REQUIRE_THAT(Do(kA, [&](Store::Unit& unit) { return unit.Delete("aut_1", clock.Now()); }),
               testing::IsOk());
  fakes.templates.SetTrouble("");
  clock.Advance(absl::Minutes(5));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kRefused);
  CHECK(Step(kA, "e1").reason == "AUTOMATION_DISABLED");
  CHECK(Message(Step(kA, "e1").message_id).message.refusal().state() == events::v1::SUPPRESSED);
}

TEST_CASE_METHOD(Fixture, "steps: one that was sent is handed over, though its answer was lost",
                 "[triggers][pg]") {
  const bool disabled = GENERATE(false, true);
  CAPTURE(disabled);
  fakes.dispatcher.faults.Fail(absl::UnavailableError("cut off"), 1, /*after_work=*/true);
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  REQUIRE(Step(kA, "e1").state == StepState::kWaiting);
  fakes.dispatcher.MarkSent(fakes.dispatcher.messages().begin()->first);
  // Its form is paused before the step is tried again, so it is held.
  fakes.templates.SetTrouble(kPaused);
  clock.Advance(absl::Minutes(5));
  CHECK(Run() == 1);
  REQUIRE(Step(kA, "e1").reason == kPaused);
  if (disabled) {
    REQUIRE_THAT(Do(kA, [&](Store::Unit& unit) { return unit.Delete("aut_1", clock.Now()); }),
                 testing::IsOk());
    clock.Advance(absl::Minutes(5));
  } else {
    clock.Advance(kHeldFor);
  }
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
  CHECK(Step(kA, "e1").reason.empty());
  CHECK(fakes.dispatcher.messages().size() == 1);
}

TEST_CASE_METHOD(Fixture, "steps: a text that only goes with its provider template waits for it",
                 "[triggers][pg]") {
  fakes.templates.SetTrouble(kPaused);
  fakes.dispatcher.OpenWindow("+6281200000001");
  fakes.dispatcher.MakeTooLong("+6281200000001");
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kWaiting);
  CHECK(Step(kA, "e1").reason == kPaused);
  CHECK(fakes.dispatcher.messages().empty());
  fakes.templates.SetTrouble("");
  clock.Advance(absl::Minutes(5));
  CHECK(Run() == 1);
  CHECK(Message(Step(kA, "e1").message_id).message.provider_form().name() == "form");
}

TEST_CASE_METHOD(Fixture, "steps: another category does not stop an order's messages",
                 "[triggers][pg]") {
  fakes.templates.SetTrouble("PROVIDER_TEMPLATE_RECATEGORISED");
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  CHECK(Run() == 1);
  CHECK(Step(kA, "e1").state == StepState::kHandedOver);
  CHECK(Message(Step(kA, "e1").message_id).message.provider_form().name() == "form");
}

TEST_CASE_METHOD(Fixture, "stale loop: what is held back waits in the lane, and no other for it",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  Publish(kA, Paid("e3", "+6281200000003", "Ani"));
  CHECK(Run() == 3);
  for (const char* event : {"e1", "e2", "e3"}) {
    fakes.dispatcher.MakeStale(Step(kA, event).message_id);
  }
  fakes.templates.SetTrouble(kPaused);
  // Whichever is listed last.
  const std::string last = fakes.dispatcher.messages().rbegin()->first;
  fakes.dispatcher.OpenWindow(Message(last).message.phone());
  StaleLoop narrow(dying, peers, hand_over, clock, {.batch = 1});
  CHECK(*narrow.RunOnce() == 1);
  CHECK(Message(last).enqueues == 2);
  for (const auto& [id, stored] : fakes.dispatcher.messages()) {
    CHECK(stored.stale == (id != last));
    CHECK_FALSE(stored.message.has_refusal());
  }
  CHECK(*narrow.RunOnce() == 0);
  fakes.templates.SetTrouble("");
  CHECK(*narrow.RunOnce() == 0);  // they rest for a moment
  clock.Advance(absl::Minutes(2));
  CHECK(*narrow.RunOnce() == 2);
}

TEST_CASE_METHOD(Fixture, "stale loop: thousands that are held back hide nothing behind them",
                 "[triggers][pg]") {
  constexpr int kHeld = 1100;  // more than the dispatcher names at once
  for (int n = 0; n <= kHeld; ++n) {
    Publish(kA, Paid(absl::StrCat("e", n), absl::StrCat("+62812", 1000000 + n), "Budi"));
  }
  for (int done = 0; done <= kHeld;) done += Run();
  const auto messages = fakes.dispatcher.messages();
  REQUIRE(messages.size() == kHeld + 1);
  for (const auto& [id, stored] : messages) fakes.dispatcher.MakeStale(id);
  fakes.templates.SetTrouble(kPaused);
  const std::string last = messages.rbegin()->first;
  fakes.dispatcher.OpenWindow(messages.at(last).message.phone());
  CHECK(*stale.RunOnce() == 1);
  CHECK(Message(last).enqueues == 2);

  // Nor is each rendered again every few seconds.
  const int calls = fakes.templates.calls();
  CHECK(*stale.RunOnce() == 0);
  CHECK(fakes.templates.calls() == calls);
  clock.Advance(absl::Minutes(2));
  CHECK(*stale.RunOnce() == 0);
  CHECK(fakes.templates.calls() > calls);
}

TEST_CASE_METHOD(Fixture, "stale loop: a batch for which a service has no answer blocks no other",
                 "[triggers][pg]") {
  Publish(kA, Paid("e1", "+6281200000001", "Budi"));
  Publish(kA, Paid("e2", "+6281200000002", "Siti"));
  CHECK(Run() == 2);
  for (const char* event : {"e1", "e2"}) {
    fakes.dispatcher.MakeStale(Step(kA, event).message_id);
  }
  StaleLoop narrow(dying, peers, hand_over, clock, {.batch = 1});
  fakes.templates.faults.Fail(absl::UnavailableError("away"), 1);
  CHECK(*narrow.RunOnce() == 0);
  CHECK(*narrow.RunOnce() == 1);
  clock.Advance(absl::Seconds(30));
  CHECK(*narrow.RunOnce() == 1);
}

}  // namespace
}  // namespace kabar::triggers
