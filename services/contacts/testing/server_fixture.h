// The service behind gRPC on a database of its own, and short ways to call it. Include only from
// tests.
//
// Thread safety: one thread. Blocks: as the calls. Errors: a call that must work ends the test
// case.
#ifndef KABAR_SERVICES_CONTACTS_TESTING_SERVER_FIXTURE_H_
#define KABAR_SERVICES_CONTACTS_TESTING_SERVER_FIXTURE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/events/reader.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "services/contacts/events_handler.h"
#include "services/contacts/handler.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {

struct Server : StoreFixture {
  // One call with this key; `outlet` for service keys.
  template <typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response* response,
                    const std::string& key = "operator-a", const std::string& outlet = "") {
    grpc::ClientContext context;
    rpc::testing::As(context, key, outlet);
    return rpc::ToAbsl(((*stub).*method)(&context, request, response));
  }
  v1::Contact Create(const std::string& phone, const std::string& name) {
    v1::CreateContactRequest request;
    request.mutable_contact()->set_phone(phone);
    request.mutable_contact()->set_name(name);
    v1::Contact response;
    REQUIRE_THAT(Call(&Stub::CreateContact, request, &response), testing::IsOk());
    return response;
  }
  // Sends a file in pieces of `piece` bytes.
  absl::Status Import(const std::string& file, v1::ImportContactsResponse* response,
                      const v1::ImportOptions& options = {}, std::size_t piece = 1000,
                      const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    auto writer = stub->ImportContacts(&context, response);
    v1::ImportContactsRequest message;
    *message.mutable_options() = options;
    bool open = writer->Write(message);
    for (std::size_t i = 0; open && i < file.size(); i += piece) {
      message.set_data(file.substr(i, piece));
      open = writer->Write(message);
    }
    writer->WritesDone();
    return rpc::ToAbsl(writer->Finish());
  }

  using Stub = v1::ContactsService::Stub;
  rpc::Guard guard{{.service = "contacts"}, rpc::testing::TestKeys()};
  Handler handler{store, language, absl::FixedTimeZone(7 * 3600), base::SystemClock(), guard};
  events::Reader reader{pool, {}};
  EventsHandler events_handler{reader, guard};
  rpc::testing::LocalServer server{guard, {&handler, &events_handler}};
  std::unique_ptr<Stub> stub = v1::ContactsService::NewStub(server.channel());
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_TESTING_SERVER_FIXTURE_H_
