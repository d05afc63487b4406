#include "libs/whatsapp/management_answer.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/graph_error.h"

namespace kabar::whatsapp {
namespace {

constexpr int kTokenRefused = 190;

// Access tokens are long runs of letters and digits that begin with EAA.
std::string WithoutTokens(absl::string_view words) {
  constexpr absl::string_view kBegin = "EAA";
  constexpr std::size_t kShortest = 16;
  std::string clean;
  while (true) {
    const std::size_t at = words.find(kBegin);
    if (at == absl::string_view::npos) return absl::StrCat(clean, words);
    std::size_t end = at;
    while (end < words.size() && absl::ascii_isalnum(static_cast<unsigned char>(words[end]))) {
      ++end;
    }
    const bool token = end - at >= kShortest;
    absl::StrAppend(&clean, words.substr(0, token ? at : end), token ? "(a token)" : "");
    words.remove_prefix(end);
  }
}

}  // namespace

absl::StatusOr<JsonObject> ReadAnswer(int http_status, absl::string_view body,
                                      const ErrorPolicy& policy) {
  JsonObject root;
  const bool json = ThreadParser().parse(body.data(), body.size()).get(root) == simdjson::SUCCESS;
  if (json && http_status >= 200 && http_status < 300) return root;
  const std::optional<GraphError> error =
      json ? ReadGraphError(root, http_status) : std::optional<GraphError>();
  if (!error.has_value()) {
    return base::Error(absl::StatusCode::kUnavailable, "PROVIDER_UNREADABLE",
                       absl::StrCat("WhatsApp answered HTTP ", http_status,
                                    " with something that is not understood: try again later"));
  }
  // What it says of an access token quotes it.
  const std::string words =
      error->code == kTokenRefused
          ? absl::StrCat("WhatsApp does not accept the number's access token (code ", error->code,
                         "): give the sender a valid one")
          : absl::StrCat("WhatsApp refused (code ", error->code,
                         "): ", WithoutTokens(error->message), error->details.empty() ? "" : ": ",
                         WithoutTokens(error->details));
  if (http_status >= 500 ||
      policy.For(error->code, http_status).action == ErrorAction::kRetryBackoffSlowSender) {
    return base::Error(absl::StatusCode::kUnavailable, "PROVIDER_BUSY", words);
  }
  return base::Error(absl::StatusCode::kFailedPrecondition, "PROVIDER_REFUSED", words);
}

}  // namespace kabar::whatsapp
