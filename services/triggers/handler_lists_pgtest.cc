// What callers list and read, and who may.
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/events/publisher.h"
#include "services/triggers/testing/dispatcher_events.h"
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
