// Every mutating call of the service's contract leaves one row in the audit log, with who called.
#include <google/protobuf/descriptor.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "libs/base/clock.h"
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

using kabar::testing::IsOk;
using Stub = v1::CampaignsService::Stub;

bool Reads(const std::string& method) {
  for (const char* word : {"Get", "List", "Plan", "Preflight"}) {
    if (absl::StartsWith(method, word)) return true;
  }
  return false;
}

struct Calls : testing::CampaignFixture {
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    Response response;
    return rpc::ToAbsl((stub.get()->*method)(&context, request, &response));
  }
  template <typename Request>
  absl::Status Verb(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                 v1::Campaign*),
                    State from) {
    Put(from);
    Request request;
    request.set_id("cmp_1");
    return Call(method, request);
  }
  v1::Campaign Draft() const {
    v1::Campaign campaign;
    campaign.set_id("cmp_1");
    campaign.set_name("siang");
    campaign.set_template_id("tpl_1");
    campaign.set_segment_id("seg_1");
    campaign.set_sender_id("snd_1");
    campaign.set_rate("60/min");
    campaign.set_start("08:00 Asia/Jakarta");
    return campaign;
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

std::map<std::string, std::function<absl::Status(Calls&)>> AllCalls() {
  return {
      {"CreateCampaign",
       [](Calls& f) {
         v1::CreateCampaignRequest request;
         *request.mutable_campaign() = f.Draft();
         request.mutable_campaign()->clear_id();
         return f.Call(&Stub::CreateCampaign, request);
       }},
      {"UpdateCampaign",
       [](Calls& f) {
         f.Put(State::kDraft);
         v1::UpdateCampaignRequest request;
         *request.mutable_campaign() = f.Draft();
         request.mutable_update_mask()->add_paths("rate");
         return f.Call(&Stub::UpdateCampaign, request);
       }},
      {"ScheduleCampaign",
       [](Calls& f) {
         Campaign c = f.Put(State::kDraft);
         c.start_text = "08:00 Asia/Jakarta";
         c.run_id.clear();
         f.Save(c);
         v1::ScheduleCampaignRequest request;
         request.set_id("cmp_1");
         return f.Call(&Stub::ScheduleCampaign, request);
       }},
      {"StartCampaign", [](Calls& f) { return f.Verb(&Stub::StartCampaign, State::kDraft); }},
      {"PauseCampaign", [](Calls& f) { return f.Verb(&Stub::PauseCampaign, State::kRunning); }},
      {"ResumeCampaign", [](Calls& f) { return f.Verb(&Stub::ResumeCampaign, State::kPaused); }},
      {"CancelCampaign", [](Calls& f) { return f.Verb(&Stub::CancelCampaign, State::kRunning); }},
      {"PutHolidays",
       [](Calls& f) {
         v1::PutHolidaysRequest request;
         request.add_holidays()->set_date("2026-12-25");
         request.mutable_holidays(0)->set_name("Natal");
         return f.Call(&Stub::PutHolidays, request);
       }},
      {"SetTestNumbers",
       [](Calls& f) {
         v1::SetTestNumbersRequest request;
         request.add_phones("081234567890");
         return f.Call(&Stub::SetTestNumbers, request, "owner-a");
       }},
      {"TestSendCampaign",
       [](Calls& f) {
         f.Put(State::kDraft);
         f.contacts.audience = 1;
         f.Write([](Store::Unit& unit) {
           unit.SetTestNumbers({"+6281234567890"});
           return absl::OkStatus();
         });
         v1::TestSendCampaignRequest request;
         request.set_id("cmp_1");
         request.set_phone("081234567890");
         request.set_contact_phone("081234567891");
         return f.Call(&Stub::TestSendCampaign, request);
       }},
      {"RetryFailed",
       [](Calls& f) {
         f.Put(State::kRunning);
         v1::RetryFailedRequest request;
         request.set_id("cmp_1");
         return f.Call(&Stub::RetryFailed, request);
       }},
  };
}

TEST_CASE("Audit: every mutating call of the contract leaves one row", "[campaigns]") {
  const auto& service = *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "kabar.campaigns.v1.CampaignsService");
  const auto calls = AllCalls();
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string method = service.method(i)->name();
    if (Reads(method)) continue;
    INFO(method << " is not called here");
    const auto call = calls.find(method);
    REQUIRE(call != calls.end());
    Calls f;
    REQUIRE_THAT(call->second(f), IsOk());
    CHECK(f.Sql("SELECT string_agg(action, ' ') FROM audit_log") == method);
    CHECK(
        f.Sql(
            "SELECT count(*) FROM audit_log WHERE (who, role) IN"
            " (('operator-a', 'OPERATOR'), ('owner-a', 'OWNER')) AND outlet_id = 'toko-a'"
            " AND (target LIKE 'campaign/cmp_%' OR target IN ('test-numbers', 'holidays/2026'))") ==
        "1");
  }
}

TEST_CASE("Audit: what was changed, from and to; once for a repeated request", "[campaigns]") {
  Calls f;
  f.Put(State::kRunning);
  v1::PauseCampaignRequest request;
  request.set_id("cmp_1");
  request.set_request_id("req-1");
  for (int i = 0; i < 2; ++i) REQUIRE_THAT(f.Call(&Stub::PauseCampaign, request), IsOk());
  CHECK(f.Sql("SELECT string_agg(request_id, ' ') FROM audit_log") == "req-1");
  CHECK(f.Sql("SELECT was FROM audit_log") == R"({"state": "RUNNING"})");
  CHECK(f.Sql("SELECT became FROM audit_log") == R"({"state": "PAUSED"})");
  // Refused: no row.
  request.clear_request_id();
  f.dispatcher.fault = testing::Away();
  CHECK_FALSE(f.Call(&Stub::PauseCampaign, request).ok());
  CHECK(f.Sql("SELECT count(*) FROM audit_log") == "1");
}

}  // namespace
}  // namespace kabar::campaigns
