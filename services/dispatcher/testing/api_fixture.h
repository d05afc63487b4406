// For tests of the API as its callers see it: real gRPC and PostgreSQL; a queue that remembers what
// it is told. Include only from tests.
//
// Thread safety: one thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/events/reader.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/queue_of_lists.h"

namespace kabar::dispatcher {

using Stub = v1::DispatcherService::Stub;

struct Api : LedgerFixture {
  QueueOfLists queue;
  SecretBox secrets = SecretBox::FromKey(std::string(64, 'a')).value();
  rpc::Guard guard{{.service = "dispatcher"}, rpc::testing::TestKeys()};
  Accounts accounts{"http://127.0.0.1:1", "v23.0", whatsapp::ErrorPolicy::BuiltIn()};
  Handler handler{store, store, queue, secrets, accounts, base::SystemClock(), guard};
  events::Reader reader{pool, {}};
  EventsHandler events_handler{reader, guard};
  rpc::testing::LocalServer server{guard, {&handler, &events_handler}};
  std::unique_ptr<Stub> stub = v1::DispatcherService::NewStub(server.channel());

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const std::string& key = "service",
                                const std::string& outlet = "toko-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key, key == "service" ? outlet : "");
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }

  v1::EnqueueRequest Batch(int first, int last) const {
    v1::EnqueueRequest request;
    request.set_lane_id("lane");
    for (int n = first; n <= last; ++n) {
      const NewMessage from = Message(n);
      v1::OutgoingMessage& message = *request.add_messages();
      message.set_id(from.id);
      message.set_ordinal(n);
      message.set_contact_id(from.contact_id);
      message.set_phone(from.phone);
      message.set_text(from.text);
      message.mutable_render_time()->set_seconds(absl::ToUnixSeconds(from.rendered_at));
    }
    return request;
  }
};

template <typename Request>
Request WithId(const std::string& id) {
  Request request;
  request.set_id(id);
  return request;
}

}  // namespace kabar::dispatcher
