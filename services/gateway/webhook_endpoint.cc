#include "services/gateway/webhook_endpoint.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/whatsapp/webhook.h"

namespace kabar::gateway {
namespace {

constexpr char kSignature[] = "X-Hub-Signature-256";

metrics::Counter& Webhooks(const char* result) {
  return metrics::GetCounter("kabar_gateway_webhooks_total",
                             "Webhook deliveries by what became of them.", {{"result", result}});
}

metrics::Histogram& AnswerSeconds() {
  static metrics::Histogram& histogram = metrics::GetHistogram(
      "kabar_gateway_webhook_duration_seconds",
      "From a webhook's arrival to its answer; the provider wants a median under 0.25 s.", {},
      metrics::LatencyBuckets());
  return histogram;
}

http::Response AnswerFor(const absl::Status& status) {
  static metrics::Counter& committed = Webhooks("committed");
  static metrics::Counter& not_committed = Webhooks("not_committed");
  if (status.ok()) {
    committed.Increment();
    return http::TextResponse(200, "OK");
  }
  not_committed.Increment();
  return http::TextResponse(503, "not stored, deliver again: " + base::GetReason(status));
}

}  // namespace

WebhookEndpoint::WebhookEndpoint(std::vector<std::string> app_secrets, std::string verify_token,
                                 GroupCommit& commit, const base::Clock& clock)
    : app_secrets_(std::move(app_secrets)),
      verify_token_(std::move(verify_token)),
      commit_(commit),
      clock_(clock) {}

void WebhookEndpoint::Handle(http::Request&& request, http::Responder responder) {
  if (request.method == "GET") {
    responder.Send(Subscribe(request));
  } else if (request.method == "POST") {
    Accept(std::move(request), std::move(responder));
  } else {
    http::Response refused = http::TextResponse(405, "GET or POST");
    refused.headers.Add("Allow", "GET, POST");
    responder.Send(std::move(refused));
  }
}

http::Response WebhookEndpoint::Subscribe(const http::Request& request) const {
  const std::optional<std::string> challenge =
      whatsapp::SubscriptionChallenge(request.query(), verify_token_);
  if (challenge.has_value()) {
    log::Info("webhook subscription verified");
    return http::TextResponse(200, *challenge);
  }
  Webhooks("bad_verify_token").Increment();
  log::Warn("webhook subscription refused: mode or verify token is wrong");
  return http::TextResponse(403, "hub.mode or hub.verify_token is wrong");
}

void WebhookEndpoint::Accept(http::Request&& request, http::Responder responder) {
  if (!IsSigned(request)) {
    static metrics::Counter& bad_signature = Webhooks("bad_signature");
    static log::Throttle throttle(absl::Seconds(1));
    bad_signature.Increment();
    // Nothing of the request is logged: whoever sent it is unknown, and so is what it holds.
    log::Warn(throttle, "webhook refused: the signature fits none of the app secrets",
              {{"payload_bytes", request.body.size()},
               {"signed", request.headers.Find(kSignature).has_value()}});
    responder.Send(http::TextResponse(403, "the signature does not fit"));
    return;
  }
  const std::int64_t start = clock_.BoottimeMicros();
  commit_.Submit(std::move(request.body), [this, start, responder = std::move(responder)](
                                              const absl::Status& status) mutable {
    responder.Send(AnswerFor(status));
    AnswerSeconds().Observe(static_cast<double>(clock_.BoottimeMicros() - start) / 1e6);
  });
}

bool WebhookEndpoint::IsSigned(const http::Request& request) const {
  const std::optional<absl::string_view> signature = request.headers.Find(kSignature);
  if (!signature.has_value()) return false;
  for (const std::string& secret : app_secrets_) {
    if (whatsapp::SignatureMatches(secret, *signature, request.body)) return true;
  }
  return false;
}

}  // namespace kabar::gateway
