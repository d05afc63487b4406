#include "libs/whatsapp/webhook.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/sha256.h"
#include "libs/http/message.h"

namespace kabar::whatsapp {
namespace {

constexpr absl::string_view kSignaturePrefix = "sha256=";

}  // namespace

bool SignatureMatches(absl::string_view app_secret, absl::string_view header,
                      absl::string_view body) {
  // Without a secret anyone could compute the signature: nothing may pass.
  if (app_secret.empty() || !absl::ConsumePrefix(&header, kSignaturePrefix)) return false;
  return base::ConstantTimeEquals(base::HmacSha256Hex(app_secret, body), header);
}

std::string Sign(absl::string_view app_secret, absl::string_view body) {
  return absl::StrCat(kSignaturePrefix, base::HmacSha256Hex(app_secret, body));
}

std::optional<std::string> SubscriptionChallenge(absl::string_view query,
                                                 absl::string_view verify_token) {
  const auto token = http::QueryParameter(query, "hub.verify_token");
  auto challenge = http::QueryParameter(query, "hub.challenge");
  if (verify_token.empty() || !token || !challenge || challenge->empty() ||
      http::QueryParameter(query, "hub.mode") != "subscribe" ||
      !base::ConstantTimeEquals(*token, verify_token)) {
    return std::nullopt;
  }
  return challenge;
}

}  // namespace kabar::whatsapp
