// PublishEvent and automations as their callers see them.
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/triggers/testing/handler_fixture.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::HasFieldViolation;
using testing::IsOk;
using testing::kA;
using testing::ReasonIs;
using testing::Soon;
using testing::StatusIs;
using Fixture = testing::HandlerFixture;
using Stub = v1::TriggersService::Stub;

TEST_CASE_METHOD(Fixture, "PublishEvent: durable, once for each id", "[triggers][pg]") {
  REQUIRE_THAT(Create(Automation("Lunas")), IsOk());
  const auto first = Publish(Paid("e1"));
  REQUIRE_THAT(first, IsOk());
  CHECK_FALSE(first->duplicate());
  CHECK(first->steps() == 1);
  CHECK(woken == 1);
  const auto again = Publish(Paid("e1"));
  REQUIRE_THAT(again, IsOk());
  CHECK(again->duplicate());
  CHECK(again->steps() == 1);
  CHECK(woken == 1);

  const auto steps = Steps("e1");
  REQUIRE(steps->steps_size() == 1);
  CHECK(steps->steps(0).event_id() == "e1");
  CHECK(steps->steps(0).state() == v1::DueStep::WAITING);
  CHECK(steps->steps(0).due_time().seconds() == absl::ToUnixSeconds(clock.Now()) + 60);
  const auto taken =
      store.TakeDueSteps(clock.Now() + absl::Hours(1), At(99999), "lea_1", 10, Soon());
  REQUIRE(taken->size() == 1);
  CHECK(taken->at(0).phone == "+6281234567890");
  CHECK(taken->at(0).name == "Budi");
  CHECK(taken->at(0).variables ==
        std::vector<Variable>{{"documentnumber", "INV-1"}, {"productname", "Sepatu"}});

  v1::BusinessEvent unheard = Paid("e2");
  unheard.set_type(v1::ORDER_RECEIVED);
  CHECK(Publish(unheard)->steps() == 0);
  CHECK(woken == 1);
}

TEST_CASE_METHOD(Fixture, "PublishEvent: wrong ones are refused whole", "[triggers][pg]") {
  const auto faulty = Publish(v1::BusinessEvent());
  CHECK_THAT(faulty, HasFieldViolation("event.id"));
  CHECK_THAT(faulty, HasFieldViolation("event.type"));
  CHECK_THAT(faulty, HasFieldViolation("event.phone"));
  v1::BusinessEvent event = Paid("e1");
  event.set_phone("0812");
  CHECK_THAT(Publish(event), HasFieldViolation("event.phone"));
  event = Paid("e1");
  event.mutable_time()->set_seconds(1795222800000);  // milliseconds
  CHECK_THAT(Publish(event), HasFieldViolation("event.time"));
  event = Paid("e1");
  event.set_type(static_cast<v1::EventType>(99));
  CHECK_THAT(Publish(event), HasFieldViolation("event.type"));
  CHECK_FALSE(Publish(Paid("e1"))->duplicate());
}

TEST_CASE_METHOD(Fixture, "CreateAutomation: what it names must exist", "[triggers][pg]") {
  const auto created = Create(Automation("Lunas"));
  REQUIRE_THAT(created, IsOk());
  CHECK(created->id().substr(0, 4) == "aut_");
  CHECK(created->delay_seconds() == 60);
  CHECK(Get(created->id())->SerializeAsString() == created->SerializeAsString());

  v1::Automation wrong = Automation("x");
  wrong.set_template_id("tpl_none");
  wrong.set_sender_id("wa-2");  // another outlet's
  CHECK_THAT(Create(wrong), HasFieldViolation("automation.sender_id"));
  wrong.set_sender_id("wa-1");
  CHECK_THAT(Create(wrong), HasFieldViolation("automation.template_id"));
  wrong = Automation("x");
  wrong.set_template_id("tpl_archived");
  CHECK_THAT(Create(wrong), HasFieldViolation("automation.template_id"));
  CHECK_THAT(Create(v1::Automation()), HasFieldViolation("automation.name"));
  wrong = Automation("x");
  wrong.set_delay_seconds(-1);
  CHECK_THAT(Create(wrong), HasFieldViolation("automation.delay_seconds"));
  wrong.set_delay_seconds(std::numeric_limits<std::int64_t>::max());
  CHECK_THAT(Create(wrong), HasFieldViolation("automation.delay_seconds"));
  fakes.templates.faults.Fail(absl::UnavailableError("away"), 1);
  CHECK_THAT(Create(Automation("x")), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(Call(&Stub::ListAutomations, v1::ListAutomationsRequest())->automations_size() == 1);
}

TEST_CASE_METHOD(Fixture, "automations: a template that needs what the trigger lacks is refused",
                 "[triggers][pg]") {
  fakes.templates.Put(kA, "tpl_product", "Halo", {"name", "productname"});
  fakes.templates.Put(kA, "tpl_points", "Halo", {"points"});
  v1::Automation automation = Automation("Poin");
  automation.set_template_id("tpl_points");
  const auto refused = Create(automation);
  CHECK_THAT(refused, HasFieldViolation("automation.template_id"));
  CHECK_THAT(std::string(refused.status().message()),
             Catch::Contains("automation \"Poin\" of ORDER_PAID has no points"));
  automation.add_extra_variables("points");
  const auto created = Create(automation);
  REQUIRE_THAT(created, IsOk());
  CHECK(Get(created->id())->extra_variables(0) == "points");
  CHECK(fakes.templates.used_by(kA, created->id()) == "tpl_points");

  // Whatever change takes the variable away.
  v1::Automation changed = *created;
  changed.clear_extra_variables();
  CHECK_THAT(Update(changed, {"extra_variables"}), HasFieldViolation("automation.template_id"));
  changed.set_template_id("tpl_product");
  REQUIRE_THAT(Update(changed, {"extra_variables", "template_id"}), IsOk());
  CHECK(fakes.templates.used_by(kA, created->id()) == "tpl_product");
  changed.set_event_type(v1::CONTACT_CREATED);
  CHECK_THAT(Update(changed, {"event_type"}), HasFieldViolation("automation.template_id"));
  CHECK(Get(created->id())->event_type() == v1::ORDER_PAID);

  REQUIRE_THAT(Delete(created->id()), IsOk());
  CHECK(fakes.templates.used_by(kA, created->id()).empty());
  automation.add_extra_variables("");
  CHECK_THAT(Create(automation), HasFieldViolation("automation.extra_variables"));
}

TEST_CASE_METHOD(Fixture, "ListTriggerVariables: the table, trigger by trigger", "[triggers][pg]") {
  const auto table = Call(&Stub::ListTriggerVariables, v1::ListTriggerVariablesRequest());
  REQUIRE_THAT(table, IsOk());
  REQUIRE(table->triggers_size() == 6);
  const auto meaning = [&](v1::EventType type, const std::string& name) -> std::string {
    for (const auto& variable : table->triggers(static_cast<int>(type) - 1).variables()) {
      if (variable.name() == name) return variable.meaning();
    }
    return "";
  };
  CHECK(table->triggers(0).event_type() == v1::CONTACT_CREATED);
  CHECK(meaning(v1::CONTACT_CREATED, "contactname") == "the customer's name");
  CHECK(meaning(v1::CONTACT_CREATED, "documentnumber").empty());
  CHECK(meaning(v1::ORDER_CREATED, "documentnumber") == "sales code");
  CHECK(meaning(v1::ORDER_PAID, "documentnumber") == "invoice");
  CHECK(meaning(v1::ORDER_DELIVERY, "documentnumber") == "airway bill");
}

TEST_CASE_METHOD(Fixture, "automations: a request id counts once", "[triggers][pg]") {
  const auto first = Create(Automation("Lunas"), "r1");
  REQUIRE_THAT(first, IsOk());
  // The answer of the first time, though the template could not be asked about now.
  fakes.templates.faults.Fail(absl::UnavailableError("away"), 1);
  const auto again = Create(Automation("Lunas"), "r1");
  REQUIRE_THAT(again, IsOk());
  CHECK(again->SerializeAsString() == first->SerializeAsString());
  CHECK_THAT(Create(Automation("other"), "r1"), ReasonIs("REQUEST_ID_REUSED"));
  CHECK_THAT(Create(Automation("x"), "r2"), !IsOk());  // the failure asked for above
  CHECK_THAT(Create(Automation("x"), "r2"), IsOk());   // a refused call may be repeated
  CHECK(Call(&Stub::ListAutomations, v1::ListAutomationsRequest())->automations_size() == 2);

  REQUIRE_THAT(Delete(first->id(), "r3"), IsOk());
  CHECK_THAT(Delete(first->id(), "r3"), IsOk());
  CHECK_THAT(Delete(first->id(), "r4"), ReasonIs("AUTOMATION_NOT_FOUND"));
  key = "operator-b";
  v1::Automation other = Automation("B");
  other.set_sender_id("wa-2");
  CHECK_THAT(Create(other, "r1"), IsOk());
}

TEST_CASE_METHOD(Fixture, "UpdateAutomation: what the mask names, or what is set",
                 "[triggers][pg]") {
  const auto created = Create(Automation("Lunas"));
  REQUIRE_THAT(created, IsOk());
  v1::Automation change;
  change.set_id(created->id());
  change.set_name("Baru");
  auto updated = Update(change);
  REQUIRE_THAT(updated, IsOk());
  CHECK(updated->name() == "Baru");
  CHECK(updated->enabled());
  CHECK(updated->template_id() == "tpl_1");

  updated = Update(change, {"enabled", "delay_seconds"});
  REQUIRE_THAT(updated, IsOk());
  CHECK_FALSE(updated->enabled());
  CHECK(updated->delay_seconds() == 0);
  CHECK(updated->name() == "Baru");
  CHECK(Get(created->id())->SerializeAsString() == updated->SerializeAsString());
  CHECK(Publish(Paid("e1"))->steps() == 0);

  change.set_template_id("tpl_none");
  CHECK_THAT(Update(change), HasFieldViolation("automation.template_id"));
  CHECK_THAT(Update(change, {"name"}), IsOk());  // the mask leaves the template out
  change.set_template_id("tpl_2");
  CHECK(Update(change, {"template_id"}, "r1")->template_id() == "tpl_2");
  CHECK_THAT(Update(change, {"template_id"}, "r1"), IsOk());
  CHECK_THAT(Update(change, {"create_time"}), HasFieldViolation("update_mask"));
  v1::Automation nothing;
  nothing.set_id(created->id());
  CHECK_THAT(Update(nothing), HasFieldViolation("update_mask"));
  CHECK_THAT(Update(nothing, {"name"}), HasFieldViolation("automation.name"));
  nothing.set_id("aut_none");
  CHECK_THAT(Update(nothing, {"name"}), ReasonIs("AUTOMATION_NOT_FOUND"));
}

}  // namespace
}  // namespace kabar::triggers
