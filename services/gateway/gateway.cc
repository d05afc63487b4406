#include "services/gateway/gateway.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/server_runner.h"

namespace kabar::gateway {
namespace {

// A webhook has up to 3 MB.
constexpr std::size_t kMaxBodyBytes = 3 * 1024 * 1024;

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

Gateway::Gateway(Config config, base::Clock& clock)
    : config_(std::move(config)),
      journal_(config_.dispatcher_address, config_.service_key, config_.commit_timeout),
      commit_(config_.commit, journal_, clock),
      webhooks_(config_.app_secrets, config_.verify_token, commit_, clock) {}

Gateway::~Gateway() {
  if (server_ != nullptr) (void)server_->Stop(absl::Now());
}

absl::Status Gateway::Start() {
  absl::StatusOr<std::pair<std::string, std::uint16_t>> listen = ParseListen(config_.listen);
  if (!listen.ok()) return listen.status();
  http::ServerOptions options;
  options.address = listen->first;
  options.port = listen->second;
  options.threads = config_.http_threads;
  options.max_body_bytes = kMaxBodyBytes;
  absl::StatusOr<std::unique_ptr<http::Server>> server =
      http::Server::Start(options, [this](http::Request&& request, http::Responder responder) {
        Route(std::move(request), std::move(responder));
      });
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  log::Info("serving", {{"listen", absl::StrCat(options.address, ":", server_->port())}});
  return absl::OkStatus();
}

void Gateway::Drain() {
  const absl::Time start = absl::Now();
  draining_ = true;
  if (config_.drain_pause > absl::ZeroDuration()) rpc::WaitForShutdownSignal(config_.drain_pause);
  // The group commit goes on until the last request has its answer.
  if (absl::Status status = server_->Stop(absl::Now() + config_.drain_timeout); !status.ok()) {
    log::Warn("requests were cut off; the provider will deliver them again", {{"error", status}});
  }
  commit_.Stop();
  log::Info("drained", {{"took", absl::Now() - start}});
}

void Gateway::Route(http::Request&& request, http::Responder responder) {
  const absl::string_view path = request.path();
  if (path == "/webhooks/whatsapp") {
    webhooks_.Handle(std::move(request), std::move(responder));
  } else if (request.method != "GET") {
    responder.Send(http::TextResponse(404, "no such page"));
  } else if (path == "/healthz") {
    responder.Send(http::TextResponse(200, "alive"));
  } else if (path == "/readyz") {
    AnswerReady(std::move(responder));
  } else if (path == "/metrics") {
    responder.Send({.status = 200,
                    .headers = {{"Content-Type", kMetricsType}},
                    .body = metrics::RenderText()});
  } else {
    responder.Send(http::TextResponse(404, "no such page"));
  }
}

void Gateway::AnswerReady(http::Responder responder) {
  if (draining_) {
    responder.Send(http::TextResponse(503, "draining"));
    return;
  }
  journal_.Check([responder = std::move(responder)](const absl::Status& status) mutable {
    responder.Send(status.ok()
                       ? http::TextResponse(200, "ready")
                       : http::TextResponse(503, absl::StrCat("dispatcher: ", status.message())));
  });
}

}  // namespace kabar::gateway
