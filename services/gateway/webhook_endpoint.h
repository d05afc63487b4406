// /webhooks/whatsapp: the subscription's GET and the signed POST of the provider.
//
// POST answers 200 once its payload is durable in the journal, 403 for a bad signature, 503 when
// it could not be committed (the provider delivers again for days). What a payload says is of no
// concern here.
//
// Thread safety: Handle from any thread. Blocks: no; an HMAC over the body is the work done.
// Errors: told to the client as above.
#ifndef KABAR_SERVICES_GATEWAY_WEBHOOK_ENDPOINT_H_
#define KABAR_SERVICES_GATEWAY_WEBHOOK_ENDPOINT_H_

#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/http/server.h"
#include "services/gateway/group_commit.h"

namespace kabar::gateway {

class WebhookEndpoint {
 public:
  // Any of `app_secrets` may have signed: several apps, or a secret being changed.
  WebhookEndpoint(std::vector<std::string> app_secrets, std::string verify_token,
                  GroupCommit& commit, const base::Clock& clock);

  void Handle(http::Request&& request, http::Responder responder);

 private:
  http::Response Subscribe(const http::Request& request) const;
  void Accept(http::Request&& request, http::Responder responder);
  bool IsSigned(const http::Request& request) const;

  const std::vector<std::string> app_secrets_;
  const std::string verify_token_;
  GroupCommit& commit_;
  const base::Clock& clock_;
};

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_WEBHOOK_ENDPOINT_H_
