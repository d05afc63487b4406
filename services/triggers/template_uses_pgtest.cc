// What templates remembers of automations, whatever happens to the call that changes them.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "libs/rpc/status.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/handler.h"
#include "services/triggers/peers.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/fake_peers.h"

namespace kabar::triggers {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::kA;
using testing::ReasonIs;
using testing::StatusIs;
using Stub = v1::TriggersService::Stub;

// The write in this many writes fails: nothing of it is kept.
class FailingStore : public PgStore {
 public:
  using PgStore::PgStore;
  int fail_in = 0;

  absl::Status Write(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                     absl::FunctionRef<absl::Status(Unit&)> work) override {
    if (fail_in > 0 && --fail_in == 0) return absl::UnavailableError("the database is away");
    return PgStore::Write(outlet, operation, deadline, work);
  }
};

struct Fixture : testing::Database {
  kabar::testing::FakeClock clock;
  testing::FakePeers fakes;
  Peers peers{{.contacts = fakes.server.address(),
               .templates = fakes.server.address(),
               .dispatcher = fakes.server.address()},
              "service"};
  FailingStore failing{pool};
  rpc::Guard guard{{.service = "triggers"}, rpc::testing::TestKeys()};
  Handler handler{failing, peers, clock, guard, [] {}};
  rpc::testing::LocalServer server{guard, {&handler}};
  std::unique_ptr<Stub> stub = v1::TriggersService::NewStub(server.channel());

  Fixture() {
    fakes.templates.Put(kA, "tpl_1", "Halo", {"name"});
    fakes.templates.Put(kA, "tpl_2", "Halo", {"name"});
    fakes.dispatcher.AddSender(kA, "wa-1");
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<v1::Automation> Create(const std::string& sender_id = "wa-1") {
    v1::CreateAutomationRequest request;
    v1::Automation* automation = request.mutable_automation();
    automation->set_name("Lunas");
    automation->set_event_type(v1::ORDER_PAID);
    automation->set_template_id("tpl_1");
    automation->set_sender_id(sender_id);
    automation->set_enabled(true);
    return Call(&Stub::CreateAutomation, request);
  }
  absl::StatusOr<v1::Automation> Update(const v1::Automation& automation, const std::string& path) {
    v1::UpdateAutomationRequest request;
    *request.mutable_automation() = automation;
    request.mutable_update_mask()->add_paths(path);
    return Call(&Stub::UpdateAutomation, request);
  }
  absl::Status Delete(const std::string& id) {
    v1::DeleteAutomationRequest request;
    request.set_id(id);
    return Call(&Stub::DeleteAutomation, request).status();
  }
};

TEST_CASE_METHOD(Fixture, "CreateAutomation: a refused one leaves no use of its template",
                 "[triggers][pg]") {
  CHECK_THAT(Create("wa-none"), HasFieldViolation("automation.sender_id"));
  CHECK(fakes.templates.uses() == 0);
  failing.fail_in = 2;  // the first write asks what is to be checked, the second one keeps it
  CHECK_THAT(Create(), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(failing.fail_in == 0);
  CHECK(fakes.templates.uses() == 0);
  // The put itself is answered with an error after it was done.
  fakes.templates.faults.Fail(absl::UnavailableError("the answer is lost"), 1,
                              /*after_work=*/true);
  CHECK_THAT(Create(), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(fakes.templates.uses() == 0);
  REQUIRE_THAT(Create(), IsOk());
  CHECK(fakes.templates.uses() == 1);
}

TEST_CASE_METHOD(Fixture, "CreateAutomation: templates refuses the use without naming a field",
                 "[triggers][pg]") {
  fakes.templates.faults.Fail(absl::InvalidArgumentError("the request has no end"), 1);
  const auto refused = Create();
  CHECK_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK_THAT(std::string(refused.status().message()),
             Catch::Contains("asking for the template") && Catch::Contains("has no end"));
}

TEST_CASE_METHOD(Fixture, "UpdateAutomation: templates remembers what is stored",
                 "[triggers][pg]") {
  const auto created = Create();
  REQUIRE_THAT(created, IsOk());
  v1::Automation changed = *created;
  changed.set_template_id("tpl_2");
  failing.fail_in = 2;
  CHECK_THAT(Update(changed, "template_id"), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(failing.fail_in == 0);
  CHECK(fakes.templates.used_by(kA, created->id()) == "tpl_1");

  // One from before templates remembered uses: any change tells it.
  fakes.templates.ForgetUses();
  changed.set_delay_seconds(60);
  REQUIRE_THAT(Update(changed, "delay_seconds"), IsOk());
  CHECK(fakes.templates.used_by(kA, created->id()) == "tpl_1");
}

TEST_CASE_METHOD(Fixture, "UpdateAutomation: turning off works whatever became of the template",
                 "[triggers][pg]") {
  const auto created = Create();
  REQUIRE_THAT(created, IsOk());
  fakes.templates.Put(kA, "tpl_1", "Halo", {"points"});
  v1::Automation changed = *created;
  changed.set_delay_seconds(60);
  CHECK_THAT(Update(changed, "delay_seconds"), HasFieldViolation("automation.template_id"));
  changed.set_enabled(false);
  const auto off = Update(changed, "enabled");
  REQUIRE_THAT(off, IsOk());
  CHECK_FALSE(off->enabled());
  changed.set_enabled(true);
  CHECK_THAT(Update(changed, "enabled"), HasFieldViolation("automation.template_id"));
}

TEST_CASE_METHOD(Fixture, "DeleteAutomation: works while templates is away", "[triggers][pg]") {
  const auto created = Create();
  const auto other = Create();
  REQUIRE_THAT(other, IsOk());
  failing.fail_in = 1;
  CHECK_THAT(Delete(created->id()), StatusIs(absl::StatusCode::kUnavailable));
  CHECK(fakes.templates.used_by(kA, created->id()) == "tpl_1");  // it is still there
  fakes.templates.delete_faults.Fail(absl::UnavailableError("away"), 1);
  CHECK_THAT(Delete(created->id()), IsOk());
  CHECK_THAT(Delete(created->id()), ReasonIs("AUTOMATION_NOT_FOUND"));
  CHECK_THAT(Delete(other->id()), IsOk());
  CHECK(fakes.templates.used_by(kA, other->id()).empty());
}

}  // namespace
}  // namespace kabar::triggers
