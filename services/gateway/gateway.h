// The gateway whole: HTTP server, webhook endpoint, group commit, channel to the dispatcher.
//
//   GET, POST /webhooks/whatsapp   see webhook_endpoint.h
//   GET /healthz                   200 while the process lives
//   GET /readyz                    200 if the dispatcher serves and we do not drain, else 503
//   GET /metrics                   Prometheus text
//
// Thread safety: Start and Drain from one thread. Blocks: Start until the port is bound; Drain
// until every accepted webhook has its answer, at most pause + drain timeout + commit timeout.
// Errors: Start: UNAVAILABLE when the address cannot be bound.
#ifndef KABAR_SERVICES_GATEWAY_GATEWAY_H_
#define KABAR_SERVICES_GATEWAY_GATEWAY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/http/server.h"
#include "services/gateway/config.h"
#include "services/gateway/dispatcher_journal.h"
#include "services/gateway/group_commit.h"
#include "services/gateway/webhook_endpoint.h"

namespace kabar::gateway {

class Gateway {
 public:
  Gateway(Config config, base::Clock& clock);
  ~Gateway();  // drains without pause if still running
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  absl::Status Start();
  std::uint16_t port() const { return server_->port(); }

  // /readyz says 503, balancers get a pause to notice, then no connection is accepted, what was
  // accepted is committed and answered, and all stops.
  void Drain();

 private:
  void Route(http::Request&& request, http::Responder responder);
  void AnswerReady(http::Responder responder);

  const Config config_;
  std::atomic<bool> draining_ = false;
  DispatcherJournal journal_;
  GroupCommit commit_;
  WebhookEndpoint webhooks_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_GATEWAY_H_
