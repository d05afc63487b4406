// Every mutating call of the service's contract leaves one row in the audit log, with who called,
// or is named here as the machines' own.
#include <google/protobuf/descriptor.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

// Work of the services themselves, not a person's doing.
const std::set<std::string> kMachineCalls = {"Enqueue", "AppendWebhooks", "CreateLane",
                                             "FinishLane", "SubmitAccountTemplate"};

bool Reads(const std::string& method) {
  for (const char* word : {"Get", "List", "Recount", "Plan", "Foresee"}) {
    if (absl::StartsWith(method, word)) return true;
  }
  return false;
}

v1::SendingTarget LaneTarget() {
  v1::SendingTarget target;
  target.set_scope(v1::SendingTarget::LANE);
  target.set_id("lane");
  return target;
}

template <typename Request>
Request WithTarget() {
  Request request;
  *request.mutable_target() = LaneTarget();
  request.set_reason("why");
  return request;
}

// One that works, by method; in the order of the names, each finds what it needs.
std::map<std::string, std::function<absl::Status(Api&)>> Calls() {
  return {
      {"CancelLane",
       [](Api& f) {
         return f.Call(&Stub::CancelLane, WithId<v1::CancelLaneRequest>("lane")).status();
       }},
      {"CreatePortfolio",
       [](Api& f) {
         v1::CreatePortfolioRequest request;
         request.mutable_portfolio()->set_name("Toko");
         return f.Call(&Stub::CreatePortfolio, request, "owner-a").status();
       }},
      {"CreateSender",
       [](Api& f) {
         v1::CreateSenderRequest request;
         request.mutable_sender()->set_portfolio_id("pf");
         request.mutable_sender()->set_phone_number_id("2002");
         request.mutable_sender()->set_display_phone("+628111000000");
         request.mutable_sender()->set_access_token("SECRET-1");
         return f.Call(&Stub::CreateSender, request, "owner-a").status();
       }},
      {"UploadMedia",
       [](Api& f) {
         grpc::ClientContext context;
         rpc::testing::As(context, "operator-a");
         v1::Medium kept;
         const auto writer = f.stub->UploadMedia(&context, &kept);
         v1::UploadMediaRequest part;
         part.mutable_info()->set_name("promo");
         part.mutable_info()->set_mime_type("image/png");
         writer->Write(part);
         part.set_data("\x89PNG");
         writer->Write(part);
         writer->WritesDone();
         return rpc::ToAbsl(writer->Finish());
       }},
      {"DeleteMedia",
       [](Api& f) {
         f.Sql(
             "INSERT INTO media (outlet_id, name, mime_type, sha256, size, bytes)"
             " VALUES ('toko-a', 'promo', 'image/png', '', 0, '')");
         v1::DeleteMediaRequest request;
         request.set_name("promo");
         return f.Call(&Stub::DeleteMedia, request, "operator-a").status();
       }},
      {"DropDeadLetter",
       [](Api& f) {
         f.Sql(
             "INSERT INTO dead_letters (id, outlet_id, kind, reason, payload)"
             " VALUES (1, 'toko-a', 'K', 'r', '')");
         v1::DropDeadLetterRequest request;
         request.set_id("1");
         request.set_reason("why");
         return f.Call(&Stub::DropDeadLetter, request, "operator-a").status();
       }},
      {"ExportMessages",
       [](Api& f) {
         grpc::ClientContext context;
         rpc::testing::As(context, "viewer-a", "");
         auto stream = f.stub->ExportMessages(&context, v1::ExportMessagesRequest());
         v1::ExportMessagesResponse piece;
         while (stream->Read(&piece)) {
         }
         return rpc::ToAbsl(stream->Finish());
       }},
      {"PauseLane",
       [](Api& f) {
         return f.Call(&Stub::PauseLane, WithId<v1::PauseLaneRequest>("lane")).status();
       }},
      {"SetLaneRate",
       [](Api& f) {
         v1::SetLaneRateRequest request;
         request.set_id("lane");
         request.set_rate("30/min");
         return f.Call(&Stub::SetLaneRate, request).status();
       }},
      {"PauseSending",
       [](Api& f) {
         return f.Call(&Stub::PauseSending, WithTarget<v1::PauseSendingRequest>(), "operator-a")
             .status();
       }},
      {"ResolveUnknown",
       [](Api& f) {
         v1::ResolveUnknownRequest request;
         request.set_decision(v1::ResolveUnknownRequest::FAILED);
         request.set_lane_id("lane");
         request.set_request_id("req-9");
         return f.Call(&Stub::ResolveUnknown, request, "operator-a").status();
       }},
      {"ResumeLane",
       [](Api& f) {
         f.Sql("UPDATE lanes SET state = 2");
         return f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("lane")).status();
       }},
      {"ResumeSending",
       [](Api& f) {
         f.Sql("INSERT INTO pauses VALUES ('lane/lane', 'siti', 'x')");
         return f.Call(&Stub::ResumeSending, WithTarget<v1::ResumeSendingRequest>(), "operator-a")
             .status();
       }},
      {"RetryDeadLetter",
       [](Api& f) {
         f.Sql(
             "INSERT INTO dead_letters (id, outlet_id, kind, reason, payload)"
             " VALUES (1, 'toko-a', 'K', 'r', '')");
         v1::RetryDeadLetterRequest request;
         request.set_id("1");
         return f.Call(&Stub::RetryDeadLetter, request, "operator-a").status();
       }},
      {"RetryFailed",
       [](Api& f) {
         v1::RetryFailedRequest request;
         request.set_lane_id("lane");
         return f.Call(&Stub::RetryFailed, request).status();
       }},
      {"UpdatePortfolio",
       [](Api& f) {
         v1::UpdatePortfolioRequest request;
         request.mutable_portfolio()->set_id("pf");
         request.mutable_portfolio()->set_messaging_limit(250);
         request.mutable_update_mask()->add_paths("messaging_limit");
         return f.Call(&Stub::UpdatePortfolio, request, "owner-a").status();
       }},
      {"UpdateSender",
       [](Api& f) {
         v1::UpdateSenderRequest request;
         request.mutable_sender()->set_id("snd");
         request.mutable_sender()->set_access_token("SECRET-2");
         request.mutable_sender()->set_throughput("20/s");
         request.mutable_update_mask()->add_paths("access_token");
         request.mutable_update_mask()->add_paths("throughput");
         return f.Call(&Stub::UpdateSender, request, "owner-a").status();
       }},
  };
}

TEST_CASE("Audit: every mutating call of the contract leaves one row", "[dispatcher]") {
  const auto& service = *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "kabar.dispatcher.v1.DispatcherService");
  const auto calls = Calls();
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string method = service.method(i)->name();
    if (Reads(method) || kMachineCalls.contains(method)) continue;
    INFO(method << " is neither called here nor named as the machines' own");
    const auto call = calls.find(method);
    REQUIRE(call != calls.end());
    Api f;
    REQUIRE_THAT(call->second(f), IsOk());
    CHECK(f.Sql("SELECT string_agg(action, ' ') FROM audit_log") == method);
    CHECK(f.Sql("SELECT count(*) FROM audit_log WHERE who <> '' AND role <> '' AND target <> ''"
                " AND request_id <> '' AND outlet_id = 'toko-a'") == "1");
    CHECK(f.Sql("SELECT count(*) FROM audit_log WHERE (audit_log.*)::text LIKE '%SECRET%'") == "0");
  }
}

TEST_CASE("Audit: what was changed, from and to; a replaced token without the token",
          "[dispatcher]") {
  Api f;
  REQUIRE_THAT(Calls().at("UpdateSender")(f), IsOk());
  CHECK(f.Sql("SELECT was FROM audit_log") == R"({"throughput": "80/s"})");
  CHECK(f.Sql("SELECT became FROM audit_log") ==
        R"({"throughput": "20/s", "access_token": "replaced"})");
}

TEST_CASE("Audit: a call that is refused or repeated leaves no row", "[dispatcher]") {
  Api f;
  v1::UpdatePortfolioRequest request;
  request.mutable_portfolio()->set_id("pf-9");
  request.mutable_portfolio()->set_name("x");
  CHECK_THAT(f.Call(&Stub::UpdatePortfolio, request, "owner-a"), ReasonIs("PORTFOLIO_NOT_FOUND"));
  CHECK(f.Sql("SELECT count(*) FROM audit_log") == "0");
  request.mutable_portfolio()->set_id("pf");
  request.set_request_id("req-1");
  REQUIRE_THAT(f.Call(&Stub::UpdatePortfolio, request, "owner-a"), IsOk());
  REQUIRE_THAT(f.Call(&Stub::UpdatePortfolio, request, "owner-a"), IsOk());
  CHECK(f.Sql("SELECT string_agg(request_id, ' ') FROM audit_log") == "req-1");
  for (int i = 0; i < 2; ++i) {
    REQUIRE_THAT(f.Call(&Stub::CancelLane, WithId<v1::CancelLaneRequest>("lane")), IsOk());
  }
  CHECK(f.Sql("SELECT count(*) FROM audit_log WHERE action = 'CancelLane'") == "1");
}

TEST_CASE("PauseSending: who may pause what; the queue hears of it", "[dispatcher]") {
  Api f;
  f.Enqueue(f.Messages(1, 2));
  auto request = WithTarget<v1::PauseSendingRequest>();
  CHECK_THAT(f.Call(&Stub::PauseSending, request, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(f.Call(&Stub::PauseSending, request, "operator-b"), ReasonIs("LANE_NOT_FOUND"));
  request.clear_reason();
  CHECK_THAT(f.Call(&Stub::PauseSending, request, "operator-a"),
             testing::HasFieldViolation("reason"));
  request.set_reason("wrong text");
  request.mutable_target()->set_scope(v1::SendingTarget::ALL);
  CHECK_THAT(f.Call(&Stub::PauseSending, request), testing::HasFieldViolation("target.id"));
  request.mutable_target()->clear_id();
  CHECK_THAT(f.Call(&Stub::PauseSending, request, "owner-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(f.Call(&Stub::PauseSending, request, "service", "toko-a"),
             ReasonIs("OUTLET_NOT_YOURS"));
  CHECK_FALSE(f.queue.HeldSender("snd"));
  REQUIRE_THAT(f.Call(&Stub::PauseSending, request, "service", ""), IsOk());
  CHECK(f.queue.HeldSender("snd"));

  // A lane's pause and its end, by the outlet's own people; beside the one of everything.
  request = WithTarget<v1::PauseSendingRequest>();
  const auto paused = f.Call(&Stub::PauseSending, request, "operator-a");
  REQUIRE_THAT(paused, IsOk());
  REQUIRE(paused->pauses_size() == 2);
  CHECK(paused->pauses(0).by() == "service");
  CHECK(paused->pauses(1).by() == "operator-a");
  CHECK(f.Call(&Stub::GetLane, WithId<v1::GetLaneRequest>("lane"), "viewer-a")->pauses_size() == 2);
  v1::ResumeSendingRequest resume;
  resume.mutable_target()->set_scope(v1::SendingTarget::ALL);
  REQUIRE_THAT(f.Call(&Stub::ResumeSending, resume, "service", ""), IsOk());
  CHECK_FALSE(f.queue.HeldSender("snd"));
  CHECK(f.queue.HeldLane("lane"));
  // What was claimed when the pause came and did not start is put back.
  REQUIRE_THAT(f.queue.ReplaceLane(f.NewLane("lane"), {}, f.Deadline()), IsOk());
  REQUIRE_THAT(f.Call(&Stub::ResumeSending, WithTarget<v1::ResumeSendingRequest>(), "operator-a"),
               IsOk());
  CHECK_FALSE(f.queue.HeldLane("lane"));
  CHECK(f.queue.Pushed("lane") == f.Ids(1, 2));
}

}  // namespace
}  // namespace kabar::dispatcher
