// The contacts service's settings, from flags and the environment (KABAR_CONTACTS_..., KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_CONTACTS_CONFIG_H_
#define KABAR_SERVICES_CONTACTS_CONFIG_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace kabar::contacts {

struct Config {
  std::string listen = "127.0.0.1:7001";
  std::string metrics_listen = "127.0.0.1:9001";
  std::string database_url = {};
  int database_connections = 8;
  std::string key_file = {};
  std::string service_key = {};
  std::string dispatcher_address = "127.0.0.1:7003";
  std::string triggers_address = "127.0.0.1:7005";
  std::string time_zone = "Asia/Jakarta";
  std::vector<std::string> source_hosts = {};
  std::string source_secrets = {};
  int source_pulls = 4;
  absl::Duration source_pull_timeout = absl::Hours(1);
  absl::Duration audience_retention = absl::Hours(90 * 24);
  absl::Duration drain_pause = absl::Seconds(1);
  std::string log_level = "info";
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CONFIG_H_
