#include "services/triggers/config.h"

#include "libs/config/config.h"
#include "libs/log/log.h"

namespace kabar::triggers {

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  config::Parser parser("triggers");
  parser.String("listen", &config.listen, "address of the gRPC server").Required();
  parser.String("metrics-listen", &config.metrics_listen, "address of /metrics").Required();
  parser
      .Secret("database-url", &config.database_url,
              "PostgreSQL, as a libpq connection string or URI; it may hold a password")
      .Required();
  parser.Int("database-connections", &config.database_connections, 4, 64,
             "connections to PostgreSQL at most");
  parser.String("key-file", &config.key_file, "JSON file with the hashes of all API keys")
      .Required();
  parser.Secret("service-key", &config.service_key, "this service's own API key, or @file")
      .Required();
  parser.String("contacts-address", &config.contacts_address, "who the recipients are").Required();
  parser.String("templates-address", &config.templates_address, "what renders the messages")
      .Required();
  parser
      .String("dispatcher-address", &config.dispatcher_address,
              "what sends the messages, and whose events tell of answers")
      .Required();
  parser.Duration("answer-window", &config.answer_window, absl::Minutes(1), absl::Hours(24 * 30),
                  "a customer's words within this time answer the newest message sent to him");
  parser.Duration("event-retention", &config.event_retention, absl::Hours(40 * 24),
                  absl::Hours(3660 * 24),
                  "how long events, their steps and customers' answers are kept");
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from health NOT_SERVING to refusing calls");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
  parser.ParseOrExit(argc, argv);

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "triggers", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

}  // namespace kabar::triggers
