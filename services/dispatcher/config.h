// The dispatcher's settings, from flags and the environment (KABAR_DISPATCHER_..., KABAR_...).
//
// Thread safety: a value. Blocks: reads secret files. Errors: ParseConfigOrExit ends the process
// with every fault named.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace kabar::dispatcher {

struct Config {
  std::vector<std::string> roles = {"api", "keeper", "worker"};
  std::string metrics_listen = "127.0.0.1:9003";
  std::string database_url = {};
  int database_connections = 12;
  std::string redis_url = {};
  int redis_connections = 8;
  std::string master_key = {};
  std::string error_policy = {};  // file of rules over the built-in error table
  std::string log_level = "info";

  // api
  std::string listen = "127.0.0.1:7003";
  std::string key_file = {};
  std::vector<std::string> event_consumers = {"analytics", "campaigns", "contacts", "triggers"};
  absl::Duration drain_pause = absl::Seconds(1);

  // keeper
  std::string contacts_address = {};
  std::string service_key = {};
  absl::Duration unknown_window = absl::Seconds(120);
  absl::Duration journal_retention = absl::Hours(72);
  absl::Duration message_retention = absl::Hours(400 * 24);

  // worker
  std::string worker_name = {};  // empty: host and process
  std::string provider_url = "https://graph.facebook.com";
  std::string provider_version = "v23.0";
  int provider_connections = 64;
  int claimers = 4;
  int max_claim = 500;
  int max_in_flight = 2000;
  absl::Duration hold = absl::Milliseconds(500);
  absl::Duration lease = absl::Seconds(60);
  absl::Duration request_timeout = absl::Seconds(20);
  absl::Duration stop_timeout = absl::Seconds(25);
  int circuit_failures = 10;
  absl::Duration circuit_cool_down = absl::Seconds(5);
  absl::Duration circuit_longest_cool_down = absl::Minutes(2);

  bool HasRole(const std::string& role) const;
};

// What a role needs and has not got; every fault a line.
absl::Status CheckConfig(const Config& config);

// Ends the process for --help (0) and for faults (2). Logs the settings without secrets once.
Config ParseConfigOrExit(int argc, const char* const* argv);

}  // namespace kabar::dispatcher
