#include "services/dispatcher/accounts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/http/fetch.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(8);
constexpr int kOk = 200;

absl::StatusOr<http::Response> Ask(absl::string_view method, const std::string& url,
                                   const std::string& token, std::string body,
                                   absl::Time deadline) {
  const std::string bearer = absl::StrCat("Bearer ", token);
  http::Headers headers{{"Authorization", bearer}, {"Content-Type", "application/json"}};
  const absl::Duration timeout = std::min(kTimeout, deadline - absl::Now());
  absl::StatusOr<http::Response> answer = http::Fetch(
      method, url, std::move(headers), std::move(body), std::max(timeout, absl::Milliseconds(1)));
  // Whatever the provider says of the token, nobody reads the token in it.
  if (answer.ok() && answer->status != kOk && !token.empty()) {
    answer->body = absl::StrReplaceAll(answer->body, {{token, "(the token)"}});
  }
  if (answer.ok() || absl::IsDeadlineExceeded(answer.status())) return answer;
  return base::Error(
      absl::StatusCode::kUnavailable, "PROVIDER_UNREACHABLE",
      absl::StrCat("WhatsApp gave no answer: ", answer.status().message(), ": try again later"));
}

}  // namespace

absl::StatusOr<whatsapp::AccountTemplatePage> Accounts::ListTemplates(const std::string& account,
                                                                      const std::string& token,
                                                                      const std::string& after,
                                                                      absl::Time deadline) const {
  KABAR_ASSIGN_OR_RETURN(
      const http::Response answer,
      Ask("GET", absl::StrCat(url_, "/", version_, whatsapp::TemplatesTarget(account, after)),
          token, "", deadline));
  return whatsapp::ParseTemplatePage(answer.status, answer.body, policy_);
}

absl::StatusOr<whatsapp::AccountTemplate> Accounts::CreateTemplate(const std::string& account,
                                                                   const std::string& token,
                                                                   std::string body,
                                                                   absl::Time deadline) const {
  KABAR_ASSIGN_OR_RETURN(
      const http::Response answer,
      Ask("POST", absl::StrCat(url_, "/", version_, "/", account, "/message_templates"), token,
          std::move(body), deadline));
  return whatsapp::ParseTemplateCreated(answer.status, answer.body, policy_);
}

}  // namespace kabar::dispatcher
