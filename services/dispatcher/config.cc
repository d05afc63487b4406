#include "services/dispatcher/config.h"

#include <unistd.h>
#include <algorithm>

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/config/config.h"
#include "libs/log/log.h"

namespace kabar::dispatcher {
namespace {

void AddCommon(config::Parser& parser, Config& config) {
  parser.StringList("roles", &config.roles, "what this process does: api, keeper, worker");
  parser.String("metrics-listen", &config.metrics_listen, "address of /metrics").Required();
  parser
      .Secret("database-url", &config.database_url,
              "PostgreSQL, as a libpq connection string or URI; it may hold a password")
      .Required();
  parser.Int("database-connections", &config.database_connections, 2, 64,
             "connections to PostgreSQL at most");
  parser
      .Secret("redis-url", &config.redis_url,
              "Redis, redis://host:port or unix:/path; it may hold a password")
      .Required();
  parser.Int("redis-connections", &config.redis_connections, 1, 64, "connections to Redis at most");
  parser.Secret("master-key", &config.master_key,
                "32 bytes in base64 or hex that access tokens are sealed with (api, worker)");
  parser.String("error-policy", &config.error_policy,
                "JSON file with rules over the built-in table of the provider's errors");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
}

void AddApi(config::Parser& parser, Config& config) {
  parser.String("listen", &config.listen, "address of the gRPC server (api)");
  parser.String("key-file", &config.key_file, "JSON file with the hashes of all API keys (api)");
  parser.StringList("event-consumers", &config.event_consumers,
                    "who must have read an event before it is deleted");
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from health NOT_SERVING to refusing calls");
}

void AddKeeper(config::Parser& parser, Config& config) {
  parser.String("contacts-address", &config.contacts_address,
                "where contacts serves its events (keeper)");
  parser.Secret("service-key", &config.service_key, "this service's API key (keeper)");
  parser.Duration("unknown-window", &config.unknown_window, absl::Milliseconds(100),
                  absl::Hours(24), "how long an UNKNOWN attempt waits for its webhook");
  parser.Duration("journal-retention", &config.journal_retention, absl::Minutes(1),
                  absl::Hours(24 * 90), "how long applied webhooks are kept");
  parser.Duration("message-retention", &config.message_retention, absl::Hours(40 * 24),
                  absl::Hours(3660 * 24),
                  "how long messages, their attempts, customers' messages and dead letters that "
                  "were dealt with are kept (keeper)");
}

void AddWorker(config::Parser& parser, Config& config) {
  parser.String("worker-name", &config.worker_name,
                "in claims and logs; empty: made from host and process");
  parser.String("provider-url", &config.provider_url, "the Cloud API's base URL (api, worker)");
  parser.String("provider-version", &config.provider_version,
                "the Cloud API's version (api, worker)");
  parser.Int("provider-connections", &config.provider_connections, 1, 4096,
             "connections to the provider at most");
  parser.Int("claimers", &config.claimers, 1, 64, "threads that claim");
  parser.Int("max-claim", &config.max_claim, 1, 1000, "messages a claim at most");
  parser.Int("max-in-flight", &config.max_in_flight, 1, 100000,
             "messages claimed and not finished at most");
  parser.Duration("hold", &config.hold, absl::Milliseconds(20), absl::Milliseconds(900),
                  "no request starts later than this after its claim");
  parser.Duration("lease", &config.lease, absl::Seconds(1), absl::Minutes(30),
                  "after it an attempt without an outcome is UNKNOWN");
  parser.Duration("request-timeout", &config.request_timeout, absl::Milliseconds(100),
                  absl::Minutes(5), "of one request to the provider");
  parser.Duration("stop-timeout", &config.stop_timeout, absl::Seconds(1), absl::Minutes(5),
                  "for what is in flight when the process is told to stop");
  parser.Int(
      "circuit-failures", &config.circuit_failures, 2, 1000,
      "timeouts, 5xx and failed connections in a row after which nothing is sent for a number "
      "but a probe");
  parser.Duration("circuit-cool-down", &config.circuit_cool_down, absl::Milliseconds(100),
                  absl::Hours(1), "until the first probe; doubled by each that fails");
  parser.Duration("circuit-longest-cool-down", &config.circuit_longest_cool_down,
                  absl::Milliseconds(100), absl::Hours(6), "between two probes at the most");
}

std::string DefaultWorkerName() {
  const char* host = std::getenv("HOSTNAME");
  return absl::StrCat(host == nullptr || *host == '\0' ? "worker" : host, "-", getpid());
}

}  // namespace

bool Config::HasRole(const std::string& role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

absl::Status CheckConfig(const Config& config) {
  std::string faults;
  auto need = [&](const std::string& role, absl::string_view flag, const std::string& value) {
    if (config.HasRole(role) && value.empty()) {
      absl::StrAppend(&faults, "--", flag, ": must be set for the role ", role, "\n");
    }
  };
  if (config.roles.empty()) absl::StrAppend(&faults, "--roles: name at least one role\n");
  for (const std::string& role : config.roles) {
    if (role != "api" && role != "keeper" && role != "worker") {
      absl::StrAppend(&faults, "--roles: \"", role, "\" is none of api, keeper, worker\n");
    }
  }
  need("api", "listen", config.listen);
  need("api", "key-file", config.key_file);
  need("api", "master-key", config.master_key);
  need("keeper", "contacts-address", config.contacts_address);
  need("keeper", "service-key", config.service_key);
  need("api", "provider-url", config.provider_url);
  need("worker", "master-key", config.master_key);
  need("worker", "provider-url", config.provider_url);
  if (config.lease < config.hold + config.request_timeout) {
    absl::StrAppend(&faults,
                    "--lease: must be longer than --hold and --request-timeout together\n");
  }
  if (config.circuit_longest_cool_down < config.circuit_cool_down) {
    absl::StrAppend(&faults,
                    "--circuit-longest-cool-down: must not be shorter than --circuit-cool-down\n");
  }
  if (faults.empty()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG", faults);
}

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  config::Parser parser("dispatcher");
  AddCommon(parser, config);
  AddApi(parser, config);
  AddKeeper(parser, config);
  AddWorker(parser, config);
  parser.ParseOrExit(argc, argv);
  if (const absl::Status status = CheckConfig(config); !status.ok()) {
    std::cerr << status.message();
    std::exit(2);
  }
  if (config.worker_name.empty()) config.worker_name = DefaultWorkerName();

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "dispatcher", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

}  // namespace kabar::dispatcher
