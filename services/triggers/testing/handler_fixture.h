// The service as its callers see it: a real gRPC server over a real PostgreSQL, and short names for
// its calls. Include only from tests.
//
// Thread safety: one thread. Blocks: as the calls.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_HANDLER_FIXTURE_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_HANDLER_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "libs/base/status.h"
#include "libs/events/reader.h"
#include "libs/rpc/status.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/events_handler.h"
#include "services/triggers/handler.h"
#include "services/triggers/peers.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/fake_peers.h"

namespace kabar::triggers::testing {

struct HandlerFixture : Database {
  using Stub = v1::TriggersService::Stub;

  kabar::testing::FakeClock clock;
  FakePeers fakes;
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

  HandlerFixture() {
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

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_HANDLER_FIXTURE_H_
