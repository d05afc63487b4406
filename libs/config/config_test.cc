#include "libs/config/config.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "libs/testing/status_matchers.h"
#include "libs/testing/temp_dir.h"

namespace kabar::config {
namespace {

using testing::IsOk;
using testing::ReasonIs;

struct Settings {
  std::string listen = "127.0.0.1:7001";
  std::string level = "info";
  std::vector<std::string> outlets;
  std::int64_t batch = 100;
  int workers = 4;
  double share = 0.5;
  bool reflection = false;
  absl::Duration drain = absl::Seconds(5);
  base::Rate rate{.limit = 45, .window = absl::Minutes(1), .max_burst = 1};
  std::string pg_dsn;
};

class Fixture {
 public:
  Fixture() : parser("contacts") {
    parser.String("listen", &settings.listen, "address of the server").Required();
    parser.String("log-level", &settings.level, "least level").OneOf({"info", "warn"});
    parser.StringList("outlets", &settings.outlets, "outlets served");
    parser.Int("batch", &settings.batch, 1, 1000, "rows at once");
    parser.Int("workers", &settings.workers, 1, 64, "threads");
    parser.Double("share", &settings.share, 0, 1, "a share");
    parser.Bool("reflection", &settings.reflection, "gRPC reflection");
    parser.Duration("drain", &settings.drain, absl::ZeroDuration(), absl::Minutes(5), "drain");
    parser.Rate("rate", &settings.rate, "default rate");
    parser.Secret("pg-dsn", &settings.pg_dsn, "PostgreSQL").Required();
  }

  absl::Status Parse(std::vector<const char*> arguments,
                     std::vector<const char*> environment = {}) {
    arguments.insert(arguments.begin(), "kabar-contacts");
    environment.push_back(nullptr);
    return parser.Parse(static_cast<int>(arguments.size()), arguments.data(), environment.data());
  }

  Settings settings;
  Parser parser;
};

TEST_CASE_METHOD(Fixture, "Parse: flags in both forms set every type", "[config]") {
  REQUIRE_THAT(Parse({"--listen=0.0.0.0:1", "--log-level", "warn", "--outlets=a, b", "--batch=7",
                      "--workers", "8", "--share=0.25", "--reflection", "--drain=1m30s",
                      "--rate=80/s", "--pg-dsn=host=x password=a=b"}),
               IsOk());
  CHECK(settings.listen == "0.0.0.0:1");
  CHECK(settings.level == "warn");
  CHECK(settings.outlets == std::vector<std::string>{"a", "b"});
  CHECK(settings.batch == 7);
  CHECK(settings.workers == 8);
  CHECK(settings.share == 0.25);
  CHECK(settings.reflection);
  CHECK(settings.drain == absl::Seconds(90));
  CHECK(settings.rate.limit == 80);
  CHECK(settings.pg_dsn == "host=x password=a=b");
}

TEST_CASE_METHOD(Fixture, "Parse: defaults are the struct's", "[config]") {
  REQUIRE_THAT(Parse({"--pg-dsn=x"}), IsOk());
  CHECK(settings.listen == "127.0.0.1:7001");
  CHECK(settings.batch == 100);
  CHECK(settings.rate.limit == 45);
}

TEST_CASE_METHOD(Fixture, "Parse: flag before the service's variable before the common one",
                 "[config]") {
  std::vector<const char*> all = {"KABAR_LISTEN=common", "KABAR_CONTACTS_LISTEN=own",
                                  "KABAR_PG_DSN=common=1", "OTHER=1", "KABAR_CONTACTS_BATCH="};
  SECTION("flag") {
    REQUIRE_THAT(Parse({"--listen=flag"}, all), IsOk());
    CHECK(settings.listen == "flag");
  }
  SECTION("variables") {
    REQUIRE_THAT(Parse({}, all), IsOk());
    CHECK(settings.listen == "own");
    CHECK(settings.pg_dsn == "common=1");
    CHECK(settings.batch == 100);  // empty counts as not set
  }
}

TEST_CASE_METHOD(Fixture, "Parse: a boolean never swallows the next argument", "[config]") {
  REQUIRE_THAT(Parse({"--pg-dsn=x", "--reflection", "--batch=5"}), IsOk());
  CHECK(settings.reflection);
  CHECK(settings.batch == 5);
  Fixture other;
  REQUIRE_THAT(other.Parse({"--pg-dsn=x", "--reflection=false"}, {"KABAR_REFLECTION=true"}),
               IsOk());
  CHECK_FALSE(other.settings.reflection);
}

TEST_CASE_METHOD(Fixture, "Parse: all faults are reported at once, with their source", "[config]") {
  absl::Status status =
      Parse({"--batch=1001", "--workers=4x", "--drain=6m", "--rate=45/mim", "--share=nan",
             "--listen=", "--lisen=x", "stray", "--log-level=loud", "--batch=3", "--outlets"},
            {"KABAR_REFLECTION=maybe"});
  REQUIRE_THAT(status, ReasonIs("INVALID_CONFIG"));
  std::string message(status.message());
  for (const char* part :
       {"--batch (from the command line) = \"1001\": expected a whole number from 1 to 1000",
        "--workers (from the command line) = \"4x\": expected a whole number from 1 to 64",
        "--drain (from the command line) = \"6m\": expected a duration", "from 0 to 5m",
        "--rate (from the command line) = \"45/mim\": rate", "unknown unit \"mim\"",
        "--share (from the command line) = \"nan\": expected a number from 0 to 1",
        "--listen (from the command line) = \"\": is required", "--lisen is unknown",
        "\"stray\" is no flag",
        "--log-level (from the command line) = \"loud\": expected one of info, warn",
        "--batch is given twice", "--outlets lacks its value",
        "--reflection (from KABAR_REFLECTION) = \"maybe\": expected true or false",
        "--pg-dsn: is required; give --pg-dsn=... or KABAR_CONTACTS_PG_DSN"}) {
    CAPTURE(part, message);
    CHECK(message.find(part) != std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "Secret: a file's content less its line break", "[config]") {
  testing::TempDir dir;
  std::string argument = "--pg-dsn=@" + dir.WriteFile("dsn", "host=x\n\n");
  REQUIRE_THAT(Parse({argument.c_str()}), IsOk());
  CHECK(settings.pg_dsn == "host=x\n");
}

TEST_CASE_METHOD(Fixture, "Secret: a missing or empty file is a fault, not an empty secret",
                 "[config]") {
  testing::TempDir dir;
  std::string missing = "--pg-dsn=@" + dir.File("missing");
  CHECK_THAT(Parse({missing.c_str()}),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "cannot be read"));
  std::string folder = "--pg-dsn=@" + dir.path();
  CHECK_THAT(Parse({folder.c_str()}), ReasonIs("INVALID_CONFIG"));
  std::string empty = "--pg-dsn=@" + dir.WriteFile("empty", "\n");
  CHECK_THAT(Parse({empty.c_str()}),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "is required"));
}

TEST_CASE("Secret: stands in no message, help or listing", "[config]") {
  std::string secret = "HUNTER2DEFAULT";
  std::string other;
  Parser parser("x");
  parser.Secret("token", &secret, "a token").Check([](absl::string_view) {
    return absl::InvalidArgumentError("too short");
  });
  parser.Secret("other", &other, "another");
  const char* arguments[] = {"x", "--token=HUNTER2"};
  absl::Status status = parser.Parse(2, arguments, nullptr);
  CHECK_THAT(status, testing::StatusIs(absl::StatusCode::kInvalidArgument,
                                       "--token (from the command line): too short"));
  CHECK(std::string(status.message()).find("HUNTER2") == std::string::npos);
  CHECK(parser.Help().find("HUNTER2") == std::string::npos);
  CHECK(parser.Values() ==
        std::vector<std::pair<std::string, std::string>>{{"token", "(set)"}, {"other", "(empty)"}});
  CHECK(parser.Summary() == "token=(set) other=(empty)");
}

TEST_CASE_METHOD(Fixture, "Values: name and value of each setting, after parsing", "[config]") {
  REQUIRE_THAT(Parse({"--pg-dsn=x", "--drain=2s"}), IsOk());
  auto values = parser.Values();
  REQUIRE(values.size() == 10);
  CHECK(values[1] == std::pair<std::string, std::string>{"log_level", "info"});
  CHECK(values[7] == std::pair<std::string, std::string>{"drain", "2s"});
  CHECK(values[8] == std::pair<std::string, std::string>{"rate", "45/min"});
  CHECK(values[9] == std::pair<std::string, std::string>{"pg_dsn", "(set)"});
}

TEST_CASE_METHOD(Fixture, "Help: names, help, default and variables; nothing is checked",
                 "[config]") {
  REQUIRE_THAT(Parse({"--batch=wrong", "--help"}), IsOk());
  CHECK(parser.help_requested());
  std::string help = parser.Help();
  for (const char* part :
       {"--listen=TEXT  (required)", "address of the server", "default: 127.0.0.1:7001",
        "KABAR_CONTACTS_LISTEN, KABAR_LISTEN", "--rate=RATE", "default: 45/min",
        "--pg-dsn=SECRET|@FILE", "one of: info, warn", "KABAR_CONTACTS_PG_DSN"}) {
    CAPTURE(part, help);
    CHECK(help.find(part) != std::string::npos);
  }
}

TEST_CASE("Check: sees the parsed value, also the default", "[config]") {
  std::string address = "nowhere";
  Parser parser("x");
  parser.String("to", &address, "where").Check([](absl::string_view value) {
    return value == "nowhere" ? absl::InvalidArgumentError("leads nowhere") : absl::OkStatus();
  });
  const char* arguments[] = {"x"};
  CHECK_THAT(parser.Parse(1, arguments, nullptr),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "--to: leads nowhere"));
}

}  // namespace
}  // namespace kabar::config
