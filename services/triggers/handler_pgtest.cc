// The service as its callers see it: a real gRPC server over a real PostgreSQL.
#include "services/triggers/handler.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/rpc/status.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/events_handler.h"
#include "services/triggers/peers.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/dispatcher_events.h"
#include "services/triggers/testing/fake_peers.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::HasFieldViolation;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::ReasonIs;
using testing::Soon;
using testing::StatusIs;
using Stub = v1::TriggersService::Stub;

struct Fixture : testing::Database {
  kabar::testing::FakeClock clock;
  testing::FakePeers fakes;
  Peers peers{{.contacts = fakes.server.address(),
               .templates = fakes.server.address(),
               .dispatcher = fakes.server.address()},
              "service"};
  int woken = 0;
  rpc::Guard guard{{.service = "triggers"}, rpc::testing::TestKeys()};
  Handler handler{store, peers, clock, guard, [this] { ++woken; }};
  events::Reader reader{pool, events::Reader::Options{}};
  EventsHandler events_handler{reader, guard};
  rpc::testing::LocalServer server{guard, {&handler, &events_handler}};
  std::unique_ptr<Stub> stub = v1::TriggersService::NewStub(server.channel());
  std::string key = "operator-a";

  Fixture() {
    for (const std::string& outlet : {kA, kB}) {
      fakes.templates.Put(outlet, "tpl_1", "Halo", {"name"});
      fakes.templates.Put(outlet, "tpl_archived", "Halo", {"name"});
    }
    fakes.templates.Put(kA, "tpl_2", "Halo", {"name"});
    fakes.dispatcher.AddSender(kA, "wa-1");
    fakes.dispatcher.AddSender(kB, "wa-2");
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }

  static v1::Automation Automation(const std::string& name) {
    v1::Automation automation;
    automation.set_name(name);
    automation.set_event_type(v1::ORDER_PAID);
    automation.set_template_id("tpl_1");
    automation.set_sender_id("wa-1");
    automation.set_delay_seconds(60);
    automation.set_enabled(true);
    return automation;
  }
  absl::StatusOr<v1::Automation> Create(const v1::Automation& automation,
                                        const std::string& request_id = "") {
    v1::CreateAutomationRequest request;
    *request.mutable_automation() = automation;
    request.set_request_id(request_id);
    return Call(&Stub::CreateAutomation, request);
  }
  absl::StatusOr<v1::Automation> Get(const std::string& id) {
    v1::GetAutomationRequest request;
    request.set_id(id);
    return Call(&Stub::GetAutomation, request);
  }
  absl::StatusOr<v1::Automation> Update(const v1::Automation& automation,
                                        const std::vector<std::string>& paths = {},
                                        const std::string& request_id = "") {
    v1::UpdateAutomationRequest request;
    *request.mutable_automation() = automation;
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    request.set_request_id(request_id);
    return Call(&Stub::UpdateAutomation, request);
  }
  absl::Status Delete(const std::string& id, const std::string& request_id = "") {
    v1::DeleteAutomationRequest request;
    request.set_id(id);
    request.set_request_id(request_id);
    return Call(&Stub::DeleteAutomation, request).status();
  }
  static v1::BusinessEvent Paid(const std::string& id) {
    v1::BusinessEvent event;
    event.set_id(id);
    event.set_type(v1::ORDER_PAID);
    event.set_phone("0812-3456-7890");
    event.set_name("Budi");
    (*event.mutable_variables())["documentnumber"] = "INV-1";
    (*event.mutable_variables())["productname"] = "Sepatu";
    return event;
  }
  absl::StatusOr<v1::PublishEventResponse> Publish(const v1::BusinessEvent& event) {
    v1::PublishEventRequest request;
    *request.mutable_event() = event;
    return Call(&Stub::PublishEvent, request);
  }
  absl::StatusOr<v1::ListDueStepsResponse> Steps(const std::string& event_id, int page_size = 0,
                                                 const std::string& page_token = "") {
    v1::ListDueStepsRequest request;
    request.set_event_id(event_id);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    return Call(&Stub::ListDueSteps, request);
  }
};

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

TEST_CASE_METHOD(Fixture, "ListAutomations, ListDueSteps: pages show everything once",
                 "[triggers][pg]") {
  for (int i = 0; i < 5; ++i) {
    REQUIRE_THAT(Create(Automation(absl::StrCat("n", i))), IsOk());
    clock.Advance(absl::Seconds(i % 2));  // some at the same time
  }
  v1::ListAutomationsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = Call(&Stub::ListAutomations, request);
    REQUIRE_THAT(page, IsOk());
    for (const auto& one : page->automations()) names.push_back(one.name());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && names.size() < 20);
  CHECK(names.size() == 5);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == 5);

  for (int i = 0; i < 3; ++i) REQUIRE_THAT(Publish(Paid(absl::StrCat("e", i))), IsOk());
  for (const std::string event : {"", "e1"}) {
    std::set<std::string> ids;
    std::string token;
    int shown = 0;
    do {
      const auto page = Steps(event, 2, token);
      REQUIRE_THAT(page, IsOk());
      for (const auto& one : page->steps()) ids.insert(one.id());
      shown += page->steps_size();
      token = page->next_page_token();
    } while (!token.empty() && shown < 50);
    CHECK(shown == (event.empty() ? 15 : 5));
    CHECK(static_cast<int>(ids.size()) == shown);
  }
  const std::string token = Steps("e1", 2)->next_page_token();
  CHECK_THAT(Steps("e2", 2, token), HasFieldViolation("page_token"));
  CHECK_THAT(Steps("e1", -1), HasFieldViolation("page_size"));
}

TEST_CASE_METHOD(Fixture, "ListAnswers and ReadEvents: what customers said", "[triggers][pg]") {
  const auto sink = store.MakeDispatcherSink(clock, absl::Hours(24));
  events::v1::NumberedBatch batch;
  batch.set_number(1);
  std::vector<CustomerAnswer> answers;
  for (int i = 0; i < 3; ++i) {
    const std::string id = absl::StrCat("wamid.", i);
    *batch.mutable_batch()->add_events() = testing::InboundFrom(kA, id, "+6281", "ya kak", At(i));
    answers.push_back({.outlet_id = kA,
                       .inbound_id = id,
                       .message_id = "m1",
                       .run_id = i == 0 ? "run-1" : "run-2",
                       .contact_id = "con_1",
                       .answer = Answer::kYes});
  }
  const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
  REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  REQUIRE_THAT(store.RecordAnswers(answers, clock.Now(), Soon()), IsOk());

  v1::ListAnswersRequest request;
  request.set_run_id("run-2");
  request.set_page_size(1);
  const auto first = Call(&Stub::ListAnswers, request);
  REQUIRE_THAT(first, IsOk());
  REQUIRE(first->answers_size() == 1);
  CHECK(first->answers(0).inbound_id() == "wamid.1");
  CHECK(first->answers(0).answer() == v1::YES);
  CHECK(first->answers(0).text() == "ya kak");
  CHECK(first->answers(0).time().seconds() == absl::ToUnixSeconds(At(1)));
  request.set_page_token(first->next_page_token());
  const auto second = Call(&Stub::ListAnswers, request);
  CHECK(second->answers(0).inbound_id() == "wamid.2");
  CHECK(second->next_page_token().empty());
  key = "viewer-b";
  CHECK(Call(&Stub::ListAnswers, v1::ListAnswersRequest())->answers_size() == 0);

  events::Publisher publisher(pool);
  REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
  const auto events = events::v1::EventsService::NewStub(server.channel());
  events::v1::ReadEventsRequest read;
  read.set_consumer("analytics");
  read.set_from_number(1);
  events::v1::ReadEventsResponse response;
  {
    grpc::ClientContext context;
    rpc::testing::As(context, "service");
    const auto stream = events->ReadEvents(&context, read);
    REQUIRE(stream->Read(&response));
    context.TryCancel();
  }
  REQUIRE(response.batches_size() == 1);
  REQUIRE(response.batches(0).batch().events_size() == 3);
  CHECK(response.batches(0).batch().events(0).answer_recorded().answer() ==
        events::v1::AnswerRecorded::YES);
  {
    grpc::ClientContext context;
    rpc::testing::As(context, "owner-a");  // people read no other outlets' events
    const auto stream = events->ReadEvents(&context, read);
    CHECK_FALSE(stream->Read(&response));
    CHECK(stream->Finish().error_code() == grpc::StatusCode::PERMISSION_DENIED);
  }
}

TEST_CASE_METHOD(Fixture, "keys: no key, no answer; one outlet never sees another's",
                 "[triggers][pg]") {
  const auto created = Create(Automation("rahasia"));
  REQUIRE_THAT(created, IsOk());
  REQUIRE_THAT(Publish(Paid("e1")), IsOk());
  key = "operator-b";
  CHECK_THAT(Get(created->id()), ReasonIs("AUTOMATION_NOT_FOUND"));
  v1::Automation change;
  change.set_id(created->id());
  change.set_name("x");
  CHECK_THAT(Update(change), ReasonIs("AUTOMATION_NOT_FOUND"));
  CHECK_THAT(Delete(created->id()), ReasonIs("AUTOMATION_NOT_FOUND"));
  CHECK(Call(&Stub::ListAutomations, v1::ListAutomationsRequest())->automations_size() == 0);
  CHECK(Steps("e1")->steps_size() == 0);
  CHECK(Publish(Paid("e1"))->steps() == 0);  // an event of its own, and no automation for it
  key = "viewer-a";
  CHECK_THAT(Get(created->id()), IsOk());
  CHECK(Steps("e1")->steps_size() == 1);
  CHECK_THAT(Create(Automation("x")), StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(Publish(Paid("e2")), StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(Delete(created->id()), StatusIs(absl::StatusCode::kPermissionDenied));
  key = "nobody";
  CHECK_THAT(Publish(Paid("e2")), StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace kabar::triggers
