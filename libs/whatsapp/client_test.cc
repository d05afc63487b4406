#include "libs/whatsapp/client.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/server.h"
#include "libs/whatsapp/payload.h"

namespace kabar::whatsapp {
namespace {

// A provider that answers what the test says, and remembers the request.
class Provider {
 public:
  explicit Provider(std::function<void(http::Responder)> answer) {
    auto server =
        http::Server::Start({}, [this, answer](http::Request&& request, http::Responder responder) {
          {
            const std::lock_guard<std::mutex> guard(request_mutex_);
            request_ = std::move(request);
          }
          answer(std::move(responder));
        });
    if (!server.ok()) throw std::runtime_error(server.status().ToString());
    server_ = *std::move(server);
    http::ClientOptions options;
    options.base_url = absl::StrCat("http://127.0.0.1:", server_->port());
    http_ = http::Client::Create(options).value();
  }
  SendOutcome Send(http::BeforeWrite gate = nullptr) {
    Client client(http_.get(), "v23.0", &ErrorPolicy::BuiltIn());
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<SendOutcome> outcome;
    client.Send(
        {.phone_number_id = "111",
         .token = "secret",
         .body = BuildSendBody({.to = {.phone = "628111"}, .content = Text{.body = "Halo"}}),
         .deadline = absl::Now() + absl::Seconds(10)},
        std::move(gate), [&](SendOutcome result) {
          const std::lock_guard<std::mutex> guard(mutex);
          outcome = std::move(result);
          changed.notify_one();
        });
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return outcome.has_value(); });  // the deadline above ends it
    return *outcome;
  }
  http::Request request() {
    const std::lock_guard<std::mutex> guard(request_mutex_);
    return request_;
  }

 private:
  std::mutex request_mutex_;
  http::Request request_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Client> http_;
};

TEST_CASE("Client: one accepted message, with the request the provider expects", "[whatsapp]") {
  Provider provider([](http::Responder responder) {
    responder.Send(http::JsonResponse(200, R"({"messages":[{"id":"wamid.1"}]})"));
  });
  const SendOutcome outcome = provider.Send();
  CHECK(outcome.kind == SendOutcome::Kind::kAccepted);
  CHECK(outcome.wamid == "wamid.1");
  CHECK(outcome.written_at > absl::InfinitePast());
  CHECK(outcome.completed_at >= outcome.written_at);
  const http::Request request = provider.request();
  CHECK(request.method == "POST");
  CHECK(request.target == "/v23.0/111/messages");
  CHECK(*request.headers.Find("authorization") == "Bearer secret");
  CHECK(*request.headers.Find("content-type") == "application/json");
  CHECK(request.body ==
        R"({"messaging_product":"whatsapp","recipient_type":"individual","to":"628111",)"
        R"("type":"text","text":{"body":"Halo"}})");
}

TEST_CASE("Client: refused, doubtful and not sent", "[whatsapp]") {
  Provider refusing([](http::Responder responder) {
    responder.Send(http::JsonResponse(400, R"({"error":{"code":131026,"message":"m"}})"));
  });
  CHECK(refusing.Send().kind == SendOutcome::Kind::kRejected);
  CHECK(refusing.Send().error.code == 131026);

  Provider closing([](http::Responder responder) { responder.Abort(); });
  const SendOutcome doubtful = closing.Send();
  CHECK(doubtful.kind == SendOutcome::Kind::kAmbiguous);
  CHECK(doubtful.reason.find("CLOSED") == 0);

  Provider broken(
      [](http::Responder responder) { responder.Send(http::TextResponse(502, "Bad Gateway")); });
  CHECK(broken.Send().kind == SendOutcome::Kind::kAmbiguous);
  const SendOutcome stopped = broken.Send([] { return false; });
  CHECK(stopped.kind == SendOutcome::Kind::kNotSent);
  CHECK(stopped.gate_refused);
  CHECK(stopped.written_at == absl::InfinitePast());
}

}  // namespace
}  // namespace kabar::whatsapp
