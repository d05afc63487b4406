#include "services/gateway/gateway.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/http/fetch.h"
#include "libs/log/capture.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/eventually.h"

namespace kabar::gateway {
namespace {

namespace pb = dispatcher::v1;

constexpr char kSecret[] = "app-secret-one";
constexpr char kOldSecret[] = "app-secret-two";

// A dispatcher whose journal is a list; the test says what happens before a commit.
class FakeDispatcher : public pb::DispatcherService::Service {
 public:
  explicit FakeDispatcher(rpc::Guard& guard) : guard_(guard) {}

  grpc::Status AppendWebhooks(grpc::ServerContext* context,
                              const pb::AppendWebhooksRequest* request,
                              pb::AppendWebhooksResponse*) override {
    return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call&) {
      ++calls;
      if (absl::Status status = before_commit(); !status.ok()) return status;
      absl::MutexLock lock(&mutex_);
      groups_.emplace_back();
      for (const auto& payload : request->payloads()) groups_.back().push_back(payload.body());
      return absl::OkStatus();
    });
  }

  std::vector<std::vector<std::string>> groups() {
    absl::MutexLock lock(&mutex_);
    return groups_;
  }
  std::size_t committed() {
    std::size_t count = 0;
    for (const auto& group : groups()) count += group.size();
    return count;
  }

  std::function<absl::Status()> before_commit = [] { return absl::OkStatus(); };
  std::atomic<int> calls = 0;

 private:
  rpc::Guard& guard_;
  absl::Mutex mutex_;
  std::vector<std::vector<std::string>> groups_;
};

struct Fixture {
  explicit Fixture(GroupCommit::Options commit = {}) {
    config.listen = "127.0.0.1:0";
    config.dispatcher_address = server->address();
    config.service_key = "service";
    config.app_secrets = {kSecret, kOldSecret};
    config.verify_token = "token";
    config.commit = commit;
    config.drain_pause = absl::ZeroDuration();
    gateway = std::make_unique<Gateway>(config, base::SystemClock());
    REQUIRE(gateway->Start().ok());
    base_url = absl::StrCat("http://127.0.0.1:", gateway->port());
  }

  // The status of the answer; 0 when there was none. Safe in any thread.
  int Post(const std::string& body, const std::string& signature) {
    http::Headers headers;
    if (!signature.empty()) headers.Add("X-Hub-Signature-256", signature);
    auto response =
        http::Fetch("POST", base_url + "/webhooks/whatsapp", headers, body, absl::Seconds(20));
    return response.ok() ? response->status : 0;
  }
  int Post(const std::string& body) {
    return Post(body, "sha256=" + base::HmacSha256Hex(kSecret, body));
  }
  http::Response Get(const std::string& target) {
    auto response = http::Get(base_url + target);
    INFO(response.status().ToString());
    REQUIRE(response.ok());
    return *std::move(response);
  }
  static double Held() {
    return metrics::GetGauge("kabar_gateway_held_payloads",
                             "Webhooks waiting for a group or under way in one.")
        .Value();
  }

  rpc::Guard guard{{.service = "fakedispatcher"}, rpc::testing::TestKeys()};
  FakeDispatcher dispatcher{guard};
  std::unique_ptr<rpc::testing::LocalServer> server = std::make_unique<rpc::testing::LocalServer>(
      guard, std::initializer_list<grpc::Service*>{&dispatcher});
  Config config;
  std::unique_ptr<Gateway> gateway;
  std::string base_url;
};

}  // namespace

TEST_CASE("Webhook: 200 comes only after the commit, with the very bytes", "[gateway]") {
  Fixture f;
  absl::Notification at_work, release;
  std::atomic<bool> committing = false;
  f.dispatcher.before_commit = [&] {
    at_work.Notify();
    release.WaitForNotification();
    committing = true;
    return absl::OkStatus();
  };
  const std::string body("{\"entry\": [\"\xF0\x9F\x98\x80 \\u0000\"]}\n\0 raw", 33);
  int status = 0;
  bool committed_first = false;
  std::thread poster([&] {
    status = f.Post(body);
    committed_first = committing;
  });
  at_work.WaitForNotification();
  release.Notify();
  poster.join();
  CHECK(status == 200);
  CHECK(committed_first);
  CHECK(f.dispatcher.groups() == std::vector<std::vector<std::string>>{{body}});
}

TEST_CASE("Webhook: 503 when the journal refuses, and again when it is away", "[gateway]") {
  Fixture f;
  f.dispatcher.before_commit = [] { return absl::InternalError("disk full"); };
  CHECK(f.Post("{}") == 503);
  CHECK(f.dispatcher.committed() == 0);
  f.dispatcher.before_commit = [] { return absl::OkStatus(); };
  CHECK(f.Post("{}") == 200);
  f.server.reset();
  CHECK(f.Post("{}") == 503);
  CHECK(f.dispatcher.committed() == 1);
}

TEST_CASE("Webhook: only what an app secret has signed goes on", "[gateway]") {
  Fixture f;
  log::Capture capture;
  const std::string body = "{\"entry\":[\"very private words\"]}";
  const std::string good = "sha256=" + base::HmacSha256Hex(kSecret, body);
  CHECK(f.Post(body, "") == 403);
  CHECK(f.Post(body, "sha256=") == 403);
  CHECK(f.Post(body, good.substr(7)) == 403);
  CHECK(f.Post(body + " ", good) == 403);
  CHECK(f.Post(body, "sha256=" + base::HmacSha256Hex("", body)) == 403);
  CHECK(f.Post(body, "sha256=" + base::HmacSha256Hex("someone else", body)) == 403);
  CHECK(f.dispatcher.calls == 0);
  CHECK(f.Post(body, good) == 200);
  CHECK(f.Post(body, "sha256=" + base::HmacSha256Hex(kOldSecret, body)) == 200);
  CHECK(f.dispatcher.committed() == 2);
  bool told = false;
  for (const std::string& line : capture.lines()) {
    told |= absl::StrContains(line, "signature fits none");
    CHECK_FALSE(absl::StrContains(line, "private"));
    CHECK_FALSE(absl::StrContains(line, good.substr(7)));
  }
  CHECK(told);
  CHECK(absl::StrContains(f.Get("/metrics").body,
                          "kabar_gateway_webhooks_total{result=\"bad_signature\"}"));
}

TEST_CASE("Webhook: the subscription echoes the challenge for the right token only", "[gateway]") {
  Fixture f;
  const std::string base = "/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=1158201444";
  const http::Response right = f.Get(base + "&hub.verify_token=token");
  CHECK(right.status == 200);
  CHECK(right.body == "1158201444");
  CHECK(f.Get(base + "&hub.verify_token=wrong").status == 403);
  CHECK(f.Get(base).status == 403);
  CHECK(f.Get("/webhooks/whatsapp").status == 403);
}

TEST_CASE("Webhook: what comes while a commit is under way goes together in the next",
          "[gateway]") {
  Fixture f({.max_in_flight = 1});
  absl::Notification release;
  f.dispatcher.before_commit = [&] {
    release.WaitForNotification();
    return absl::OkStatus();
  };
  std::atomic<int> ok = 0;
  std::vector<std::thread> posters;
  auto post = [&](int i) { ok += f.Post(absl::StrCat("{\"n\":", i, "}")) == 200; };
  posters.emplace_back(post, 0);
  const bool first = testing::Eventually([&] { return f.dispatcher.calls == 1; });
  for (int i = 1; i <= 40; ++i) posters.emplace_back(post, i);
  const bool held = testing::Eventually([&] { return Fixture::Held() == 41; });
  release.Notify();
  for (std::thread& poster : posters) poster.join();
  CHECK(first);
  CHECK(held);
  CHECK(ok == 41);
  REQUIRE(f.dispatcher.groups().size() == 2);
  CHECK(f.dispatcher.groups()[1].size() == 40);
  CHECK(f.dispatcher.calls == 2);
}

TEST_CASE("Drain: everything accepted is committed and answered, nothing new is taken",
          "[gateway]") {
  Fixture f({.max_payloads = 4, .linger = absl::Milliseconds(1), .max_in_flight = 2});
  absl::Notification release;
  f.dispatcher.before_commit = [&] {
    release.WaitForNotification();
    return absl::OkStatus();
  };
  std::atomic<int> ok = 0;
  std::vector<std::thread> posters;
  for (int i = 0; i < 30; ++i) {
    posters.emplace_back([&, i] { ok += f.Post(absl::StrCat("{\"n\":", i, "}")) == 200; });
  }
  const bool held = testing::Eventually([&] { return Fixture::Held() == 30; });
  std::thread drainer([&] { f.gateway->Drain(); });
  const bool closed = testing::Eventually([&] {
    return http::Get(f.base_url + "/healthz").status().code() == absl::StatusCode::kUnavailable;
  });
  release.Notify();
  drainer.join();
  for (std::thread& poster : posters) poster.join();
  CHECK(held);
  CHECK(closed);
  CHECK(ok == 30);
  CHECK(f.dispatcher.committed() == 30);
}

TEST_CASE("Readiness: follows the dispatcher; liveness does not", "[gateway]") {
  Fixture f;
  CHECK(f.Get("/readyz").status == 200);
  f.server->runner().SetServing(false);
  CHECK(f.Get("/readyz").status == 503);
  f.server.reset();
  CHECK(f.Get("/readyz").status == 503);
  CHECK(f.Get("/healthz").status == 200);
}

TEST_CASE("Routes: unknown pages and methods are refused, a body over 3 MB too", "[gateway]") {
  Fixture f;
  CHECK(f.Get("/nothing").status == 404);
  auto put = http::Fetch("PUT", f.base_url + "/webhooks/whatsapp", {}, "{}");
  REQUIRE(put.ok());
  CHECK(put->status == 405);
  CHECK(f.Post(std::string(3'000'000, ' ')) == 200);
  const int over = f.Post(std::string(3 * 1024 * 1024 + 1, ' '));
  CHECK((over == 413 || over == 0));  // 0: closed on us while we were still sending
  CHECK(f.dispatcher.committed() == 1);
}

TEST_CASE("Gateway: a dispatcher that refuses our key is an error, not a loss", "[gateway]") {
  Fixture f;
  f.config.service_key = "viewer-a";
  Gateway other(f.config, base::SystemClock());
  REQUIRE(other.Start().ok());
  f.base_url = absl::StrCat("http://127.0.0.1:", other.port());
  CHECK(f.Post("{}") == 503);
  CHECK(f.dispatcher.calls == 0);
}

}  // namespace kabar::gateway
