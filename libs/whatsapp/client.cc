#include "libs/whatsapp/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/defect.h"

namespace kabar::whatsapp {
namespace {

SendOutcome Read(http::Completion completion, const ErrorPolicy& policy) {
  SendOutcome outcome;
  switch (completion.outcome) {
    case http::Outcome::kNotSent:
      outcome.kind = SendOutcome::Kind::kNotSent;
      outcome.gate_refused = completion.reason == http::Reason::kGateRefused;
      outcome.no_connection =
          completion.reason == http::Reason::kConnect || completion.reason == http::Reason::kClosed;
      break;
    case http::Outcome::kAmbiguous:
      outcome.kind = SendOutcome::Kind::kAmbiguous;
      outcome.stopped = completion.reason == http::Reason::kStopped;
      break;
    case http::Outcome::kResponse:
      outcome = ParseSendResponse(completion.response.status, completion.response.body, policy);
      break;
  }
  if (completion.outcome != http::Outcome::kResponse) {
    outcome.reason = absl::StrCat(http::ReasonName(completion.reason), ": ", completion.detail);
  }
  outcome.written_at = completion.written_at;
  outcome.completed_at = completion.completed_at;
  return outcome;
}

}  // namespace

Client::Client(http::Client* http, std::string version, const ErrorPolicy* policy)
    : http_(http), version_(std::move(version)), policy_(policy) {}

void Client::Send(SendRequest request, http::BeforeWrite gate, OnSent done) {
  if (base::HasDefect("replaying-client")) {
    auto again = [this, request, done = std::move(done)](SendOutcome outcome) mutable {
      if (outcome.kind != SendOutcome::Kind::kAmbiguous) return done(std::move(outcome));
      Post(
          std::move(request), [] { return true; }, std::move(done));
    };
    return Post(std::move(request), std::move(gate), std::move(again));
  }
  Post(std::move(request), std::move(gate), std::move(done));
}

void Client::Post(SendRequest request, http::BeforeWrite gate, OnSent done) {
  http_->Post(
      http::ClientRequest{
          .method = "POST",
          .target = absl::StrCat("/", version_, "/", request.phone_number_id, "/messages"),
          .headers = {{"Authorization", absl::StrCat("Bearer ", request.token)},
                      {"Content-Type", "application/json"}},
          .body = std::move(request.body),
          .deadline = request.deadline},
      std::move(gate),
      [policy = policy_, done = std::move(done)](http::Completion completion) mutable {
        done(Read(std::move(completion), *policy));
      });
}

}  // namespace kabar::whatsapp
