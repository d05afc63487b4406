// The thin client: one send request over an http::Client, its result as a SendOutcome. Knows
// neither lanes nor senders; never repeats anything.
//
// Thread safety: Send() from any thread. Gate and completion run on the http client's io thread
// and must not block. Errors: none of its own, everything arrives in the SendOutcome.
#ifndef KABAR_LIBS_WHATSAPP_CLIENT_H_
#define KABAR_LIBS_WHATSAPP_CLIENT_H_

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "libs/http/client.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/send_result.h"

namespace kabar::whatsapp {

struct SendRequest {
  std::string phone_number_id = {};  // the provider's id of the sending number
  std::string token = {};            // Bearer; never logged
  std::string body = {};             // BuildSendBody()
  absl::Time deadline = absl::InfiniteFuture();
};

class Client {
 public:
  using OnSent = absl::AnyInvocable<void(SendOutcome)>;

  // `http` (its base URL is https://graph.facebook.com or the simulator) and `policy` outlive this.
  Client(http::Client* http, std::string version, const ErrorPolicy* policy);

  // POST {base}/{version}/{phone_number_id}/messages. `gate` as in http::Client::Post().
  void Send(SendRequest request, http::BeforeWrite gate, OnSent done);

 private:
  void Post(SendRequest request, http::BeforeWrite gate, OnSent done);

  http::Client* http_;
  std::string version_;
  const ErrorPolicy* policy_;
};

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_CLIENT_H_
