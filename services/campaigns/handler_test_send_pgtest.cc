// TestSendCampaign: to whom it may go, and that it leaves the campaign as it is.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using Catch::Matchers::Contains;
using kabar::testing::HasFieldViolation;
using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using Stub = v1::CampaignsService::Stub;

struct Tests : testing::CampaignFixture {
  Tests() {
    Put(State::kDraft);
    contacts.audience = 1;
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<v1::TestNumbers> Allow(const std::vector<std::string>& phones,
                                        const std::string& key = "owner-a") {
    v1::SetTestNumbersRequest request;
    for (const std::string& phone : phones) request.add_phones(phone);
    return Call(&Stub::SetTestNumbers, request, key);
  }
  absl::StatusOr<v1::TestSendCampaignResponse> Send(const std::string& phone,
                                                    const std::string& request_id = "") {
    v1::TestSendCampaignRequest request;
    request.set_id("cmp_1");
    request.set_phone(phone);
    request.set_contact_phone("0812-1000001");
    request.set_request_id(request_id);
    return Call(&Stub::TestSendCampaign, request);
  }

  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer peer{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = peer.address(), .templates = peer.address(), .dispatcher = peer.address()},
      "service"};
  Handler handler{store, peers, [] {}, base::SystemClock(), guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  const std::unique_ptr<Stub> stub = v1::CampaignsService::NewStub(server.channel());
};

TEST_CASE("TestSendCampaign: to the outlet's own numbers and to no other", "[testsend]") {
  Tests f;
  CHECK_THAT(f.Send("081234567890"), ReasonIs("NO_TEST_NUMBER"));
  CHECK_THAT(f.Allow({"081234567890"}, "operator-a"), ReasonIs("ROLE_TOO_LOW"));
  CHECK_THAT(f.Allow({"0812", "x"}), HasFieldViolation("phones[0]"));
  REQUIRE_THAT(f.Allow({"+62 812-3456-7890", "081234567891"}), IsOk());
  CHECK(f.Call(&Stub::GetTestNumbers, v1::GetTestNumbersRequest())->phones_size() == 2);
  CHECK_THAT(f.Send("081234567899"), ReasonIs("NO_TEST_NUMBER"));
  CHECK(f.dispatcher.ledger.empty());

  const Campaign before = f.Get();
  const auto sent = f.Send("081234567890");
  REQUIRE_THAT(sent, IsOk());
  CHECK(sent->text() == "Halo Budi 1");
  REQUIRE(f.dispatcher.ledger.size() == 1);
  const auto& message = f.dispatcher.ledger[0];
  CHECK(message.id() == sent->message_id());
  CHECK(message.phone() == "+6281234567890");
  CHECK(message.contact_id().empty());
  CHECK(message.bsuid().empty());
  CHECK_THAT(f.dispatcher.lane.run_id(), Catch::Matchers::StartsWith("test_"));
  CHECK(f.dispatcher.finished);
  CHECK(f.contacts.created[0].filter() == "phone = \"+628121000001\"");
  CHECK(f.contacts.deleted.size() == 1);
  // The campaign knows nothing of it.
  CHECK(f.Get().updated_at == before.updated_at);
  CHECK(f.Get().run_id == before.run_id);

  REQUIRE_THAT(f.Allow({}), IsOk());
  CHECK_THAT(f.Send("081234567890"), ReasonIs("NO_TEST_NUMBER"));
}

TEST_CASE("TestSendCampaign: a repeated request sends one message", "[testsend]") {
  Tests f;
  REQUIRE_THAT(f.Allow({"081234567890"}), IsOk());
  const auto first = f.Send("081234567890", "req-1");
  const auto second = f.Send("081234567890", "req-1");
  REQUIRE_THAT(second, IsOk());
  CHECK(first->message_id() == second->message_id());
  CHECK(f.dispatcher.ledger.size() == 1);
  // Its answer was lost before it was kept: the dispatcher is asked for the very same message.
  REQUIRE_THAT(pg::Transact(f.pool, "Test", f.Soon(),
                            [](pg::Transaction& tx) {
                              tx.ExecScript("TestForget", "DELETE FROM request_log");
                              return absl::OkStatus();
                            }),
               IsOk());
  f.contacts.shape = [](contacts::v1::AudienceMember& member) { member.set_subject("JP-NEW"); };
  const auto third = f.Send("081234567890", "req-1");
  REQUIRE_THAT(third, IsOk());
  CHECK(third->message_id() == first->message_id());
  CHECK(f.Send("081234567890", "req-2")->message_id() != first->message_id());
}

TEST_CASE("TestSendCampaign: says why there is no message", "[testsend]") {
  Tests f;
  REQUIRE_THAT(f.Allow({"081234567890"}), IsOk());
  std::string why;
  SECTION("the contact has none") {
    f.contacts.audience = 0;
    why = "no contact +628121000001 with a shipment";
  }
  SECTION("a value is missing") {
    f.contacts.shape = [](contacts::v1::AudienceMember& member) { member.set_values(0, ""); };
    why = "MISSING_VARIABLE (name)";
  }
  const auto sent = f.Send("081234567890");
  CHECK_THAT(sent, ReasonIs("TEST_NOT_SENT"));
  CHECK_THAT(std::string(sent.status().message()), Contains(why));
  CHECK(f.dispatcher.ledger.empty());
  CHECK(f.dispatcher.lane.id().empty());
  CHECK(f.contacts.deleted.size() == 1);
}

}  // namespace
}  // namespace kabar::campaigns
