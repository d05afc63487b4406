// The triggers service's settings, from flags and the environment (KABAR_TRIGGERS_..., KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_TRIGGERS_CONFIG_H_
#define KABAR_SERVICES_TRIGGERS_CONFIG_H_

#include <string>

#include "absl/time/time.h"

namespace kabar::triggers {

struct Config {
  std::string listen = "127.0.0.1:7005";
  std::string metrics_listen = "127.0.0.1:9005";
  std::string database_url = {};
  int database_connections = 10;
  std::string key_file = {};
  std::string service_key = {};
  std::string contacts_address = "127.0.0.1:7001";
  std::string templates_address = "127.0.0.1:7002";
  std::string dispatcher_address = "127.0.0.1:7003";
  absl::Duration answer_window = absl::Hours(24);
  absl::Duration event_retention = absl::Hours(400 * 24);
  absl::Duration drain_pause = absl::Seconds(1);
  std::string log_level = "info";
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_CONFIG_H_
