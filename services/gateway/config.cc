#include "services/gateway/config.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/config/config.h"
#include "libs/log/log.h"

namespace kabar::gateway {

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  std::string app_secrets;
  int max_group = static_cast<int>(config.commit.max_payloads);
  config::Parser parser("gateway");
  parser.String("listen", &config.listen, "address of the HTTP server")
      .Required()
      .Check([](absl::string_view value) { return ParseListen(value).status(); });
  parser.Int("http-threads", &config.http_threads, 1, 64, "threads of the HTTP server");
  parser.String("dispatcher-address", &config.dispatcher_address, "the dispatcher, as host:port")
      .Required();
  parser.Secret("service-key", &config.service_key, "API key of role SERVICE").Required();
  parser
      .Secret("app-secrets", &app_secrets,
              "secrets of the WhatsApp apps whose webhooks come here, one a line or between "
              "commas")
      .Required()
      .Check([](absl::string_view value) {
        return SplitSecrets(value).empty() ? absl::InvalidArgumentError("holds no secret")
                                           : absl::OkStatus();
      });
  parser
      .Secret("verify-token", &config.verify_token,
              "the verify token given to Meta for the webhook's subscription")
      .Required();
  parser.Int("group-max", &max_group, 1, 1000, "webhooks in one commit at most");
  parser.Duration("group-linger", &config.commit.linger, absl::ZeroDuration(),
                  absl::Milliseconds(100), "how long a webhook waits for company");
  parser.Int("group-in-flight", &config.commit.max_in_flight, 1, 64, "commits under way at once");
  parser.Duration("commit-timeout", &config.commit_timeout, absl::Milliseconds(100),
                  absl::Minutes(1), "for the dispatcher to answer a commit");
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from /readyz answering 503 to refusing connections");
  parser.Duration("drain-timeout", &config.drain_timeout, absl::Milliseconds(100), absl::Minutes(5),
                  "for the requests under way at shutdown");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
  parser.ParseOrExit(argc, argv);
  config.app_secrets = SplitSecrets(app_secrets);
  config.commit.max_payloads = static_cast<std::size_t>(max_group);

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "gateway", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

absl::StatusOr<std::pair<std::string, std::uint16_t>> ParseListen(absl::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return base::Error(absl::StatusCode::kInvalidArgument, "INVALID_LISTEN",
                       absl::StrCat("\"", listen, "\" is not host:port, e.g. 127.0.0.1:8080"));
  }
  absl::string_view host = listen.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return std::pair<std::string, std::uint16_t>(host, static_cast<std::uint16_t>(port));
}

std::vector<std::string> SplitSecrets(absl::string_view text) {
  std::vector<std::string> secrets;
  for (absl::string_view part : absl::StrSplit(text, absl::ByAnyChar(",\n"))) {
    part = absl::StripAsciiWhitespace(part);
    if (!part.empty()) secrets.emplace_back(part);
  }
  return secrets;
}

}  // namespace kabar::gateway
