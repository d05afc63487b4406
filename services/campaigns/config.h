// The campaigns service's settings, from flags and the environment (KABAR_CAMPAIGNS_...,
// KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_CAMPAIGNS_CONFIG_H_
#define KABAR_SERVICES_CAMPAIGNS_CONFIG_H_

#include <string>

#include "absl/time/time.h"

namespace kabar::campaigns {

struct Config {
  std::string listen = "127.0.0.1:7004";
  std::string metrics_listen = "127.0.0.1:9004";
  std::string database_url = {};
  int database_connections = 6;
  std::string key_file = {};
  std::string service_key = {};
  std::string dispatcher_address = "127.0.0.1:7003";
  std::string contacts_address = "127.0.0.1:7001";
  std::string templates_address = "127.0.0.1:7002";
  std::string rate_card = {};
  absl::Duration drain_pause = absl::Seconds(1);
  std::string log_level = "info";
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_CONFIG_H_
