// The templates service's settings, from flags and the environment (KABAR_TEMPLATES_...,
// KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#ifndef KABAR_SERVICES_TEMPLATES_CONFIG_H_
#define KABAR_SERVICES_TEMPLATES_CONFIG_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"

namespace kabar::templates {

struct Config {
  std::string listen = "127.0.0.1:7002";
  std::string metrics_listen = "127.0.0.1:9002";
  std::string database_url = {};
  int database_connections = 8;
  std::string key_file = {};
  std::string dispatcher_address = {};
  std::string service_key = {};
  absl::Duration sync_every = absl::Minutes(5);
  int cache_megabytes = 32;
  std::string time_zone = "Asia/Jakarta";
  absl::Duration drain_pause = absl::Seconds(1);
  std::string log_level = "info";

  size_t cache_bytes() const { return static_cast<size_t>(cache_megabytes) * 1024 * 1024; }
};

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_CONFIG_H_
