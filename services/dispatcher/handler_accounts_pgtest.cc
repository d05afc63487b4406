// Accounts and their message templates: the API against an HTTP server in WhatsApp's place.
#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/http/server.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

// Answers each request with the next of `answers` and keeps the requests.
class FakeGraph {
 public:
  FakeGraph() {
    auto started = http::Server::Start({}, [this](http::Request&& request, http::Responder to) {
      const std::lock_guard<std::mutex> lock(mutex_);
      http::Response response;
      if (!answers.empty()) {
        response = answers.front();
        answers.erase(answers.begin());
      }
      requests.push_back(std::move(request));
      to.Send(std::move(response));
    });
    REQUIRE_THAT(started, IsOk());
    server_ = *std::move(started);
  }
  void Answer(int status, const std::string& body) {
    http::Response response;
    response.status = status;
    response.body = body;
    answers.push_back(std::move(response));
  }
  std::string url() const { return absl::StrCat("http://127.0.0.1:", server_->port()); }

  std::vector<http::Response> answers;
  std::vector<http::Request> requests;

 private:
  std::mutex mutex_;
  std::unique_ptr<http::Server> server_;
};

// The outlet's sender `snd` belongs to account 777.
struct AccountApi : Api {
  AccountApi() {
    SenderChange change;
    change.account_id = "777";
    change.sealed_token = secrets.Seal("token-of-a");
    REQUIRE_THAT(store.UpdateSender("toko-a", "snd", change, {}, Deadline()), IsOk());
  }

  FakeGraph graph;
  Accounts asked{graph.url(), "v23.0", whatsapp::ErrorPolicy::BuiltIn()};
  Handler with_graph{store, store, queue, secrets, asked, base::SystemClock(), guard};
  rpc::testing::LocalServer graph_server{guard, {&with_graph}};
  std::unique_ptr<Stub> other_stub =
      std::exchange(stub, v1::DispatcherService::NewStub(graph_server.channel()));
};

TEST_CASE("ListAccounts: those of all outlets, or of one", "[dispatcher]") {
  AccountApi f;
  auto all = f.Call(&Stub::ListAccounts, v1::ListAccountsRequest(), "service", "");
  REQUIRE_THAT(all, IsOk());
  REQUIRE(all->accounts_size() == 1);
  CHECK(all->accounts(0).outlet_id() == "toko-a");
  CHECK(all->accounts(0).account_id() == "777");
  CHECK(f.Call(&Stub::ListAccounts, v1::ListAccountsRequest(), "service", "toko-b")
            ->accounts_size() == 0);
  CHECK_THAT(f.Call(&Stub::ListAccounts, v1::ListAccountsRequest(), "operator-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_CASE("ListAccountTemplates: a page, with the number's own token", "[dispatcher]") {
  AccountApi f;
  f.graph.Answer(200, R"({"data":[{"id":"5","name":"antar","language":"id","status":"PAUSED",)"
                      R"("category":"UTILITY","components":[{"type":"BODY","text":"Hai {{1}}"}]}],)"
                      R"("paging":{"cursors":{"after":"Ab-_9="},"next":"x"}})");
  v1::ListAccountTemplatesRequest request;
  request.set_account_id("777");
  const auto page = f.Call(&Stub::ListAccountTemplates, request);
  REQUIRE_THAT(page, IsOk());
  REQUIRE(page->templates_size() == 1);
  CHECK(page->templates(0).status() == "PAUSED");
  CHECK(page->templates(0).body() == "Hai {{1}}");
  CHECK(page->next_page_token() == "Ab-_9=");
  REQUIRE(f.graph.requests.size() == 1);
  CHECK(f.graph.requests[0].method == "GET");
  CHECK(absl::StartsWith(f.graph.requests[0].target, "/v23.0/777/message_templates?"));
  CHECK(f.graph.requests[0].headers.Find("Authorization") == "Bearer token-of-a");

  request.set_page_token(page->next_page_token());
  f.graph.Answer(200, R"({"data":[]})");
  REQUIRE_THAT(f.Call(&Stub::ListAccountTemplates, request), IsOk());
  CHECK(absl::StrContains(f.graph.requests[1].target, "&after=Ab-_9="));
  request.set_page_token("x&access_token=y");  // it goes into an address
  CHECK_THAT(f.Call(&Stub::ListAccountTemplates, request), HasFieldViolation("page_token"));
  CHECK_THAT(f.Call(&Stub::ListAccountTemplates, request, "service", "toko-b"),
             StatusIs(absl::StatusCode::kInvalidArgument));
  request.clear_page_token();
  CHECK_THAT(f.Call(&Stub::ListAccountTemplates, request, "service", "toko-b"),
             ReasonIs("ACCOUNT_NOT_FOUND"));  // another outlet's token is never used
}

TEST_CASE("ListAccountTemplates: whatever WhatsApp says of the token, nobody reads it",
          "[dispatcher]") {
  AccountApi f;
  v1::ListAccountTemplatesRequest request;
  request.set_account_id("777");
  for (const int code : {190, 100}) {
    f.graph.Answer(400, absl::StrCat(R"({"error":{"message":"Malformed token-of-a","code":)", code,
                                     R"(,"error_user_msg":"token-of-a is no token"}})"));
    const auto refused = f.Call(&Stub::ListAccountTemplates, request);
    CHECK_THAT(refused, ReasonIs("PROVIDER_REFUSED"));
    INFO(refused.status());
    CHECK_FALSE(absl::StrContains(refused.status().message(), "token-of-a"));
  }
}

TEST_CASE("SubmitAccountTemplate: WhatsApp's answer, its refusal, its silence", "[dispatcher]") {
  AccountApi f;
  v1::SubmitAccountTemplateRequest request;
  request.set_account_id("777");
  auto& wanted = *request.mutable_template_();
  wanted.set_name("antar");
  wanted.set_language("id");
  wanted.set_category("UTILITY");
  wanted.set_body("Hai {{1}}");
  CHECK_THAT(f.Call(&Stub::SubmitAccountTemplate, request), HasFieldViolation("samples"));
  CHECK(f.graph.requests.empty());
  wanted.add_samples("Budi");
  f.graph.Answer(200, R"({"id":"9","status":"PENDING","category":"MARKETING"})");
  const auto made = f.Call(&Stub::SubmitAccountTemplate, request);
  REQUIRE_THAT(made, IsOk());
  CHECK(made->id() == "9");
  CHECK(made->status() == "PENDING");
  CHECK(made->category() == "MARKETING");
  CHECK(f.graph.requests[0].method == "POST");
  CHECK(f.graph.requests[0].target == "/v23.0/777/message_templates");
  f.graph.Answer(400, R"({"error":{"message":"m","code":100,"error_user_msg":"exists"}})");
  CHECK_THAT(f.Call(&Stub::SubmitAccountTemplate, request), ReasonIs("PROVIDER_REFUSED"));
  f.graph.Answer(503, "");
  CHECK_THAT(f.Call(&Stub::SubmitAccountTemplate, request),
             StatusIs(absl::StatusCode::kUnavailable));
}

TEST_CASE("senders: an account is the digits of its id", "[dispatcher]") {
  Api f;
  v1::UpdateSenderRequest request;
  request.mutable_sender()->set_id("snd");
  request.mutable_sender()->set_account_id("12/../34");
  request.mutable_update_mask()->add_paths("account_id");
  CHECK_THAT(f.Call(&Stub::UpdateSender, request, "operator-a"),
             HasFieldViolation("sender.account_id"));
  request.mutable_sender()->set_account_id("1234");
  const auto changed = f.Call(&Stub::UpdateSender, request, "operator-a");
  REQUIRE_THAT(changed, IsOk());
  CHECK(changed->account_id() == "1234");
}

TEST_CASE("ListTemplateNews: the last word on each template, in the order of the webhooks",
          "[dispatcher]") {
  Api f;
  const auto tell = [&](const std::string& name, const std::string& status,
                        const std::string& quality) {
    WebhookBatch batch;
    batch.templates.push_back({.change = {.account = "777",
                                          .name = name,
                                          .language = "id",
                                          .status = status,
                                          .quality = quality,
                                          .reason = status.empty() ? "" : "why " + status},
                               .payload = "{}"});
    REQUIRE_THAT(f.store.ApplyWebhooks(batch, f.Deadline()), IsOk());
  };
  const auto list = [&](std::int64_t after) {
    v1::ListTemplateNewsRequest request;
    request.set_after_number(after);
    return f.Call(&Stub::ListTemplateNews, request, "service", "");
  };
  tell("antar", "PAUSED", "");
  CHECK(f.Sql("SELECT kind FROM dead_letters") == "WEBHOOK_UNKNOWN_ACCOUNT");
  f.Sql("UPDATE senders SET account_id = '777'");
  tell("antar", "PAUSED", "");
  tell("sampai", "APPROVED", "");
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "1");
  auto news = list(0);
  REQUIRE_THAT(news, IsOk());
  REQUIRE(news->news_size() == 2);
  CHECK(news->news(0).name() == "antar");
  CHECK(news->news(0).account_id() == "777");
  CHECK(news->news(0).status() == "PAUSED");
  CHECK(news->news(0).reason() == "why PAUSED");
  const std::int64_t last = news->news(1).number();
  CHECK(last > news->news(0).number());
  CHECK(list(last)->news_size() == 0);
  // A word on something else leaves the status as it was.
  tell("antar", "", "RED");
  news = list(last);
  REQUIRE(news->news_size() == 1);
  CHECK(news->news(0).status() == "PAUSED");
  CHECK(news->news(0).reason() == "why PAUSED");
  CHECK(news->news(0).quality() == "RED");
  CHECK_THAT(f.Call(&Stub::ListTemplateNews, v1::ListTemplateNewsRequest(), "service", "toko-a"),
             ReasonIs("OUTLET_NAMED"));
}

TEST_CASE("ListTemplateNews: a webhook that was buried tells of the time at which it came",
          "[dispatcher]") {
  Api f;
  const auto tell = [&](const std::string& status, std::int64_t letter) {
    WebhookBatch batch;
    batch.templates.push_back(
        {.change = {.account = "777", .name = "antar", .language = "id", .status = status},
         .payload = "{}",
         .dead_letter_id = letter});
    REQUIRE_THAT(f.store.ApplyWebhooks(batch, f.Deadline()), IsOk());
  };
  tell("PAUSED", 0);
  const std::string letter = f.Sql("SELECT id FROM dead_letters");
  f.Sql("UPDATE dead_letters SET created_at = now() - interval '2 days'");
  f.Sql("UPDATE senders SET account_id = '777'");
  tell("PAUSED", std::stoll(letter));
  CHECK(f.Sql("SELECT told_at < now() - interval '1 day' FROM template_news") == "t");
  tell("APPROVED", 0);
  tell("PAUSED", std::stoll(letter));  // once more
  CHECK(f.Sql("SELECT status FROM template_news") == "APPROVED");
  CHECK(f.Sql("SELECT told_at > now() - interval '1 day' FROM template_news") == "t");
}

TEST_CASE("ResumeLane: what waits is rendered again if that is asked for", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 2)), IsOk());
  REQUIRE_THAT(f.Call(&Stub::PauseLane, WithId<v1::PauseLaneRequest>("lane")), IsOk());
  v1::ListStaleMessagesRequest stale;
  stale.set_lane_id("lane");
  auto resume = WithId<v1::ResumeLaneRequest>("lane");
  REQUIRE_THAT(f.Call(&Stub::ResumeLane, resume), IsOk());
  CHECK(f.Call(&Stub::ListStaleMessages, stale)->messages_size() == 0);
  REQUIRE_THAT(f.Call(&Stub::PauseLane, WithId<v1::PauseLaneRequest>("lane")), IsOk());
  resume.set_render_again(true);
  CHECK_THAT(f.Call(&Stub::ResumeLane, resume, "operator-a"), HasFieldViolation("render_again"));
  REQUIRE_THAT(f.Call(&Stub::ResumeLane, resume), IsOk());
  CHECK(f.Call(&Stub::ListStaleMessages, stale)->messages_size() == 2);
  CHECK(f.store.StartAttempts("lane", f.Ids(1, 2), "w", absl::Seconds(5), f.Deadline())
            ->started.empty());
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 2)), IsOk());
  CHECK(f.store.StartAttempts("lane", f.Ids(1, 2), "w", absl::Seconds(5), f.Deadline())
            ->started.size() == 2);
}

}  // namespace
}  // namespace kabar::dispatcher
