#include "services/campaigns/config.h"

#include "libs/config/config.h"
#include "libs/log/log.h"

namespace kabar::campaigns {

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  config::Parser parser("campaigns");
  parser.String("listen", &config.listen, "address of the gRPC server").Required();
  parser.String("metrics-listen", &config.metrics_listen, "address of /metrics").Required();
  parser
      .Secret("database-url", &config.database_url,
              "PostgreSQL, as a libpq connection string or URI; it may hold a password")
      .Required();
  parser.Int("database-connections", &config.database_connections, 3, 64,
             "connections to PostgreSQL at most");
  parser.String("key-file", &config.key_file, "JSON file with the hashes of all API keys")
      .Required();
  parser.Secret("service-key", &config.service_key, "this service's own API key, or @file")
      .Required();
  parser.String("contacts-address", &config.contacts_address, "audiences come from there")
      .Required();
  parser.String("templates-address", &config.templates_address, "texts come from there").Required();
  parser.String("dispatcher-address", &config.dispatcher_address, "messages go there").Required();
  parser.String("rate-card", &config.rate_card,
                "CSV file of WhatsApp's prices by date, for the cost that a preflight estimates");
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from health NOT_SERVING to refusing calls");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
  parser.ParseOrExit(argc, argv);

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "campaigns", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

}  // namespace kabar::campaigns
