// The analytics service's settings, from flags and the environment (KABAR_ANALYTICS_...,
// KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_ANALYTICS_CONFIG_H_
#define KABAR_SERVICES_ANALYTICS_CONFIG_H_

#include <string>

#include "absl/time/time.h"

namespace kabar::analytics {

struct Config {
  std::string listen = "127.0.0.1:7006";
  std::string metrics_listen = "127.0.0.1:9006";
  std::string database_url = {};
  int database_connections = 6;
  std::string key_file = {};
  std::string service_key = {};
  std::string dispatcher_address = "127.0.0.1:7003";
  std::string triggers_address = "127.0.0.1:7005";
  absl::Duration drain_pause = absl::Seconds(1);
  std::string log_level = "info";
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_CONFIG_H_
