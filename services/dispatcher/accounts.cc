#include "services/dispatcher/accounts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/http/fetch.h"
#include "libs/whatsapp/media.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(8);
constexpr int kOk = 200;

absl::StatusOr<http::Response> Ask(absl::string_view method, const std::string& url,
                                   const std::string& token, std::string body, absl::Time deadline,
                                   absl::Duration longest = kTimeout,
                                   const std::string& content_type = "application/json") {
  const std::string bearer = absl::StrCat("Bearer ", token);
  http::Headers headers{{"Authorization", bearer}, {"Content-Type", content_type}};
  const absl::Duration timeout = std::min(longest, deadline - absl::Now());
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

absl::StatusOr<std::string> Accounts::UploadMedium(const SenderCredentials& sender,
                                                   const WantedUpload& medium,
                                                   absl::Time deadline) const {
  whatsapp::MediaUpload upload =
      whatsapp::BuildMediaUpload(medium.mime_type, medium.name, medium.bytes);
  KABAR_ASSIGN_OR_RETURN(
      const http::Response answer,
      Ask("POST", absl::StrCat(url_, "/", version_, "/", sender.phone_number_id, "/media"),
          sender.access_token, std::move(upload.body), deadline, absl::InfiniteDuration(),
          upload.content_type));
  return whatsapp::ParseMediaUploaded(answer.status, answer.body, policy_);
}

}  // namespace kabar::dispatcher
