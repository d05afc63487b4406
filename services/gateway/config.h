// The gateway's settings, from flags and the environment (KABAR_GATEWAY_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_GATEWAY_CONFIG_H_
#define KABAR_SERVICES_GATEWAY_CONFIG_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/gateway/group_commit.h"

namespace kabar::gateway {

struct Config {
  std::string listen = "127.0.0.1:8080";
  int http_threads = 2;
  std::string dispatcher_address = {};
  std::string service_key = {};
  std::vector<std::string> app_secrets = {};
  std::string verify_token = {};
  GroupCommit::Options commit = {};
  absl::Duration commit_timeout = absl::Seconds(5);
  absl::Duration drain_pause = absl::Seconds(1);
  absl::Duration drain_timeout = absl::Seconds(15);
  std::string log_level = "info";
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

// "host:port" or "[v6]:port" taken apart.
absl::StatusOr<std::pair<std::string, std::uint16_t>> ParseListen(absl::string_view listen);

// One secret a line or between commas; empty ones are dropped.
std::vector<std::string> SplitSecrets(absl::string_view text);

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_CONFIG_H_
