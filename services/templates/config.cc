#include "services/templates/config.h"

#include <cstdlib>
#include <iostream>

#include "libs/base/local_time.h"
#include "libs/config/config.h"
#include "libs/log/log.h"

namespace kabar::templates {

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  config::Parser parser("templates");
  parser.String("listen", &config.listen, "address of the gRPC server").Required();
  parser.String("metrics-listen", &config.metrics_listen, "address of /metrics").Required();
  parser
      .Secret("database-url", &config.database_url,
              "PostgreSQL, as a libpq connection string or URI; it may hold a password")
      .Required();
  parser.Int("database-connections", &config.database_connections, 1, 64,
             "connections to PostgreSQL at most");
  parser.String("key-file", &config.key_file, "JSON file with the hashes of all API keys")
      .Required();
  parser.String("dispatcher-address", &config.dispatcher_address,
                "whom WhatsApp's templates are asked of; empty: they are registered by hand");
  parser.Secret("service-key", &config.service_key,
                "this service's own API key, or @file; needed with --dispatcher-address");
  parser.Duration("sync-every", &config.sync_every, absl::Seconds(1), absl::Hours(24),
                  "how often each account is asked for its templates, whatever WhatsApp told");
  parser.Int("cache-megabytes", &config.cache_megabytes, 1, 1024,
             "memory for compiled templates at most");
  parser
      .String("time-zone", &config.time_zone,
              "zone of dates in messages: WIB, WITA, WIT or an IANA name")
      .Check([](absl::string_view value) { return base::LoadZone(value).status(); });
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from health NOT_SERVING to refusing calls");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
  parser.ParseOrExit(argc, argv);
  if (!config.dispatcher_address.empty() && config.service_key.empty()) {
    std::cerr << "--service-key: must be set with --dispatcher-address\n";
    std::exit(2);
  }

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "templates", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

}  // namespace kabar::templates
