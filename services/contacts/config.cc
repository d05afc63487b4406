#include "services/contacts/config.h"

#include "libs/base/local_time.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "services/contacts/source_url.h"

namespace kabar::contacts {

Config ParseConfigOrExit(int argc, const char* const* argv) {
  Config config;
  config::Parser parser("contacts");
  parser.String("listen", &config.listen, "address of the gRPC server").Required();
  parser.String("metrics-listen", &config.metrics_listen, "address of /metrics").Required();
  parser
      .Secret("database-url", &config.database_url,
              "PostgreSQL, as a libpq connection string or URI; it may hold a password")
      .Required();
  parser.Int("database-connections", &config.database_connections, 2, 64,
             "connections to PostgreSQL at most");
  parser.String("key-file", &config.key_file, "JSON file with the hashes of all API keys")
      .Required();
  parser.Secret("service-key", &config.service_key, "this service's own API key").Required();
  parser
      .String("dispatcher-address", &config.dispatcher_address,
              "the dispatcher, whose inbound messages are read")
      .Required();
  parser
      .String("triggers-address", &config.triggers_address,
              "triggers, whose reports of orders are read")
      .Required();
  parser
      .String("time-zone", &config.time_zone,
              "zone of times in files, filters and messages: WIB, WITA, WIT or an IANA name")
      .Check([](absl::string_view value) { return base::LoadZone(value).status(); });
  parser
      .StringList("source-hosts", &config.source_hosts,
                  "tracking APIs that outlets may pull from, as host (port 443) or host:port; "
                  "empty: none")
      .Check([&config](absl::string_view) {
        return SourceHosts::Parse(config.source_hosts).status();
      });
  parser.String("source-secrets", &config.source_secrets,
                "folder of <outlet>/<file>: what tracking APIs want in their auth header; empty: "
                "no source has one");
  parser.Int("source-pulls", &config.source_pulls, 1, 32,
             "tracking APIs pulled at a time, one of each outlet");
  parser.Duration("source-pull-timeout", &config.source_pull_timeout, absl::Minutes(1),
                  absl::Hours(12),
                  "how long one pull may take; the first one of a large outlet takes longest");
  parser.Duration("audience-retention", &config.audience_retention, absl::Hours(24),
                  absl::Hours(3660 * 24), "how long a run's audience is kept after its end");
  parser.Duration("drain-pause", &config.drain_pause, absl::ZeroDuration(), absl::Minutes(1),
                  "from health NOT_SERVING to refusing calls");
  parser.String("log-level", &config.log_level, "debug, info, warn or error")
      .OneOf({"debug", "info", "warn", "error"});
  parser.ParseOrExit(argc, argv);

  log::Level level = log::Level::kInfo;
  log::ParseLevel(config.log_level, &level);
  log::Init({.service = "contacts", .level = level});
  log::Info("configuration", {{"settings", parser.Summary()}});
  return config;
}

}  // namespace kabar::contacts
