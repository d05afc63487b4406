#include "libs/rpc/guard.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/log/capture.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/eventually.h"

namespace kabar::rpc {
namespace {

namespace pb = dispatcher::v1;

// One method of each access; what they do is the test's.
class Handler : public pb::DispatcherService::Service {
 public:
  explicit Handler(Guard& guard) : guard_(guard) {}

  grpc::Status GetLane(grpc::ServerContext* context, const pb::GetLaneRequest*,
                       pb::Lane*) override {
    return Serve(context, guard_, Access::kRead, [&](const Call& call) { return body(call); });
  }
  grpc::Status PauseLane(grpc::ServerContext* context, const pb::PauseLaneRequest*,
                         pb::Lane*) override {
    return Serve(context, guard_, Access::kWrite, [&](const Call& call) { return body(call); });
  }
  grpc::Status CreateSender(grpc::ServerContext* context, const pb::CreateSenderRequest*,
                            pb::Sender*) override {
    return Serve(context, guard_, Access::kOwner, [&](const Call& call) { return body(call); });
  }
  grpc::Status AppendWebhooks(grpc::ServerContext* context, const pb::AppendWebhooksRequest*,
                              pb::AppendWebhooksResponse*) override {
    return Serve(context, guard_, Access::kService, [&](const Call& call) { return body(call); });
  }

  std::function<absl::Status(const Call&)> body = [](const Call&) { return absl::OkStatus(); };

 private:
  Guard& guard_;
};

struct Fixture {
  explicit Fixture(Guard::Options options = {.service = "guardtest"})
      : guard(std::move(options), testing::TestKeys()),
        handler(guard),
        server(guard, {&handler}),
        stub(pb::DispatcherService::NewStub(server.channel())) {
    handler.body = [this](const Call& call) {
      seen = call;
      return absl::OkStatus();
    };
  }

  absl::Status Read(grpc::ClientContext& context) {
    pb::Lane lane;
    return ToAbsl(stub->GetLane(&context, {}, &lane));
  }
  absl::Status Read(absl::string_view key, absl::string_view outlet = "") {
    grpc::ClientContext context;
    testing::As(context, key, outlet);
    return Read(context);
  }
  absl::Status Write(absl::string_view key) {
    grpc::ClientContext context;
    testing::As(context, key);
    pb::Lane lane;
    return ToAbsl(stub->PauseLane(&context, {}, &lane));
  }
  absl::Status Own(absl::string_view key) {
    grpc::ClientContext context;
    testing::As(context, key);
    pb::Sender sender;
    return ToAbsl(stub->CreateSender(&context, {}, &sender));
  }
  absl::Status Append(absl::string_view key, absl::string_view outlet = "") {
    grpc::ClientContext context;
    testing::As(context, key, outlet);
    pb::AppendWebhooksResponse response;
    return ToAbsl(stub->AppendWebhooks(&context, {}, &response));
  }

  Guard guard;
  Handler handler;
  testing::LocalServer server;
  std::unique_ptr<pb::DispatcherService::Stub> stub;
  Call seen;
};

void CheckRefusal(const absl::Status& status, absl::StatusCode code, absl::string_view reason) {
  INFO(status.ToString());
  CHECK(status.code() == code);
  CHECK(base::GetReason(status) == reason);
}

}  // namespace

TEST_CASE("Serve: no key or an unknown one is refused", "[rpc]") {
  Fixture f;
  grpc::ClientContext bare;
  CheckRefusal(f.Read(bare), absl::StatusCode::kUnauthenticated, "API_KEY_MISSING");
  grpc::ClientContext basic;
  basic.AddMetadata("authorization", "Basic owner-a");
  CheckRefusal(f.Read(basic), absl::StatusCode::kUnauthenticated, "API_KEY_MISSING");
  CheckRefusal(f.Read("stranger"), absl::StatusCode::kUnauthenticated, "API_KEY_UNKNOWN");
  CHECK(f.seen.key_name.empty());
}

TEST_CASE("Serve: each role reaches its own methods only", "[rpc]") {
  Fixture f;
  const auto denied = absl::StatusCode::kPermissionDenied;
  CHECK(f.Read("viewer-a").ok());
  CheckRefusal(f.Write("viewer-a"), denied, "ROLE_TOO_LOW");
  CHECK(f.Write("operator-a").ok());
  CheckRefusal(f.Own("operator-a"), denied, "ROLE_TOO_LOW");
  CHECK(f.Own("owner-a").ok());
  CheckRefusal(f.Append("owner-a"), denied, "ROLE_TOO_LOW");
  CHECK(f.Append("service").ok());
}

TEST_CASE("Serve: the outlet comes from the key; only a service names one", "[rpc]") {
  Fixture f;
  REQUIRE(f.Read("viewer-b").ok());
  CHECK(f.seen.outlet == "toko-b");
  CHECK(f.seen.key_name == "viewer-b");
  CHECK(f.Read("viewer-b", "toko-b").ok());
  CheckRefusal(f.Read("viewer-b", "toko-a"), absl::StatusCode::kPermissionDenied,
               "OUTLET_NOT_YOURS");
  REQUIRE(f.Read("service", "toko-a").ok());
  CHECK(f.seen.outlet == "toko-a");
  CHECK(f.seen.role == Role::kService);
  CheckRefusal(f.Read("service"), absl::StatusCode::kInvalidArgument, "OUTLET_MISSING");
  REQUIRE(f.Append("service").ok());
  CHECK(f.seen.outlet.empty());
}

TEST_CASE("Serve: the caller's deadline counts, else the default one", "[rpc]") {
  Fixture f({.service = "guardtest", .default_timeout = absl::Minutes(7)});
  grpc::ClientContext without;
  without.AddMetadata("authorization", "Bearer viewer-a");
  const absl::Time before = absl::Now();
  REQUIRE(f.Read(without).ok());
  CHECK(f.seen.deadline >= before + absl::Minutes(7));
  CHECK(f.seen.deadline <= absl::Now() + absl::Minutes(7));

  grpc::ClientContext with;
  testing::As(with, "viewer-a", "", absl::Minutes(2));
  REQUIRE(f.Read(with).ok());
  CHECK(f.seen.deadline <= absl::Now() + absl::Minutes(2) + absl::Seconds(1));
}

TEST_CASE("Caller: a call on behalf of another keeps outlet, request id and deadline", "[rpc]") {
  Fixture f;
  Call incoming;
  incoming.outlet = "toko-b";
  incoming.request_id = "req-7";
  incoming.deadline = absl::Now() + absl::Seconds(20);
  grpc::ClientContext context;
  Caller("service").Prepare(context, incoming, absl::Minutes(5));
  REQUIRE(f.Read(context).ok());
  CHECK(f.seen.outlet == "toko-b");
  CHECK(f.seen.request_id == "req-7");
  CHECK(f.seen.deadline <= incoming.deadline + absl::Seconds(1));
  CHECK(context.GetServerTrailingMetadata().count("x-kabar-request-id") == 1);
}

TEST_CASE("Serve: a request id that is no id is replaced", "[rpc]") {
  Fixture f;
  grpc::ClientContext context;
  testing::As(context, "viewer-a");
  context.AddMetadata("x-kabar-request-id", "0812-3456 <script>");
  REQUIRE(f.Read(context).ok());
  CHECK(absl::StartsWith(f.seen.request_id, "req_"));
}

TEST_CASE("Serve: what the body returns reaches the caller whole", "[rpc]") {
  Fixture f;
  f.handler.body = [](const Call&) {
    return base::WithMeta(
        base::Error(absl::StatusCode::kFailedPrecondition, "LANE_CLOSED", "the lane is closed"),
        "lane", "run_1");
  };
  const absl::Status status = f.Read("viewer-a");
  CheckRefusal(status, absl::StatusCode::kFailedPrecondition, "LANE_CLOSED");
  CHECK(base::GetMeta(status, "lane") == "run_1");
}

TEST_CASE("Serve: an exception becomes INTERNAL and tells the caller nothing of it", "[rpc]") {
  Fixture f;
  log::Capture capture;
  f.handler.body = [](const Call&) -> absl::Status { throw std::runtime_error("secret-dsn"); };
  const absl::Status status = f.Read("viewer-a");
  CheckRefusal(status, absl::StatusCode::kInternal, "INTERNAL_ERROR");
  CHECK_FALSE(absl::StrContains(status.message(), "secret-dsn"));
  bool logged = false;
  for (const std::string& line : capture.lines()) logged |= absl::StrContains(line, "secret-dsn");
  CHECK(logged);
}

TEST_CASE("Serve: writes the method's name and code to metrics and the log", "[rpc]") {
  Fixture f({.service = "guardmetrics"});
  log::Capture capture;
  REQUIRE(f.Write("operator-a").ok());
  REQUIRE_FALSE(f.Write("viewer-a").ok());
  const std::string text = metrics::RenderText();
  CHECK(absl::StrContains(text,
                          "kabar_guardmetrics_rpc_duration_seconds_count{code=\"OK\","
                          "method=\"PauseLane\"} 1"));
  CHECK(absl::StrContains(text,
                          "kabar_guardmetrics_rpc_duration_seconds_count{code=\"PERMISSION_"
                          "DENIED\",method=\"PauseLane\"} 1"));
  bool seen = false;
  for (const std::string& line : capture.lines()) {
    seen |= absl::StrContains(line, "\"outlet\":\"toko-a\"") &&
            absl::StrContains(line, "\"method\":\"PauseLane\"") &&
            absl::StrContains(line, "\"request_id\"");
    CHECK_FALSE(absl::StrContains(line, "Bearer"));
  }
  CHECK(seen);
}

TEST_CASE("Serve: a full pool refuses at once, a free place is waited for", "[rpc]") {
  Fixture f({.service = "guardfull", .max_calls = 1, .max_waiting = 1});
  absl::Notification at_work, release;
  std::atomic<int> calls = 0;
  f.handler.body = [&](const Call&) {
    if (calls++ == 0) {
      at_work.Notify();
      release.WaitForNotification();
    }
    return absl::OkStatus();
  };
  bool first_ok = false;
  std::jthread first([&] { first_ok = f.Read("viewer-a").ok(); });
  at_work.WaitForNotification();

  // One waits no longer than its deadline.
  grpc::ClientContext hasty;
  testing::As(hasty, "viewer-a", "", absl::Milliseconds(100));
  CHECK_FALSE(f.Read(hasty).ok());
  CHECK(calls == 1);
  // Its place is free when the server is through with it, not when the caller is.
  REQUIRE(kabar::testing::Eventually([] {
    return absl::StrContains(
        metrics::RenderText(),
        "kabar_guardfull_rpc_duration_seconds_count{code=\"RESOURCE_EXHAUSTED\"");
  }));

  // Of several more, one place to wait: exactly one is served, the others are refused at once.
  std::atomic<int> served = 0, busy = 0;
  absl::Notification all_refused;
  {
    std::vector<std::jthread> more;
    for (int i = 0; i < 4; ++i) {
      more.emplace_back([&] {
        const absl::Status status = f.Read("viewer-a");
        if (status.ok()) ++served;
        if (base::GetReason(status) == "SERVER_BUSY" && ++busy == 3) all_refused.Notify();
      });
    }
    CHECK(all_refused.WaitForNotificationWithTimeout(absl::Seconds(10)));
    release.Notify();
  }
  first.join();
  CHECK(first_ok);
  CHECK(served == 1);
  CHECK(busy == 3);
}

TEST_CASE("Call::Cancelled: true once the caller has hung up", "[rpc]") {
  Fixture f;
  absl::Notification at_work;
  std::atomic<bool> noticed = false;
  f.handler.body = [&](const Call& call) {
    at_work.Notify();
    while (!call.Cancelled()) std::this_thread::yield();
    noticed = true;
    return absl::CancelledError("the caller hung up");
  };
  grpc::ClientContext context;
  testing::As(context, "viewer-a", "", absl::Seconds(10));
  std::jthread hang_up([&] {
    at_work.WaitForNotification();
    context.TryCancel();
  });
  CHECK(f.Read(context).code() == absl::StatusCode::kCancelled);
  f.server.runner().Drain();
  CHECK(noticed);
}

}  // namespace kabar::rpc
