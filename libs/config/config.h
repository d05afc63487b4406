// A service's settings: one typed struct, filled from flags and the environment, checked at start.
//
//   struct Config { std::string listen = "127.0.0.1:7001"; absl::Duration drain = ...; };
//   Config cfg;
//   config::Parser p("contacts");
//   p.String("listen", &cfg.listen, "address of the gRPC server").Required();
//   p.Duration("drain", &cfg.drain, absl::ZeroDuration(), absl::Minutes(5), "time to drain");
//   p.ParseOrExit(argc, argv);
//
// The target's value is the default. A setting `pg-dsn` of service `contacts` comes from, first
// wins: `--pg-dsn=X` or `--pg-dsn X`; KABAR_CONTACTS_PG_DSN; KABAR_PG_DSN; the default. A secret's
// value is itself or `@file`, whose content (less the last line break) is the secret. An empty
// environment variable counts as not set.
//
// Thread safety: for one thread, before the others start. Blocks: reads secret files.
// Errors: INVALID_ARGUMENT (INVALID_CONFIG), whose message has one line for each fault: the
// setting, where its value came from, what is wrong and what is accepted. Secrets stand in no
// message.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/rate.h"

namespace kabar::config {

// One setting, as Parser's functions return it, to say more about it.
class Option {
 public:
  // Refuses an empty value.
  Option& Required();
  // Refuses any other value (text settings).
  Option& OneOf(std::vector<std::string> values);
  // `check` gets the value's text after it was parsed; its message goes into the report.
  Option& Check(std::function<absl::Status(absl::string_view value)> check);

 private:
  friend class Parser;

  std::string name;
  std::string kind;  // what --help shows: TEXT, NUMBER, ...
  std::string help;
  bool secret = false;
  bool flag_alone = false;  // --name without a value means true
  bool required = false;
  std::vector<std::string> one_of;
  std::vector<std::function<absl::Status(absl::string_view)>> checks;
  std::function<absl::Status(const std::string&)> parse;
  std::function<std::string()> format;
  std::string default_text;
};

class Parser {
 public:
  explicit Parser(std::string service);
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Names are lower-case words joined by dashes; the same name twice ends the process.
  Option& String(std::string name, std::string* target, std::string help);
  // Comma-separated, blanks around the parts dropped.
  Option& StringList(std::string name, std::vector<std::string>* target, std::string help);
  Option& Int(std::string name, std::int64_t* target, std::int64_t min, std::int64_t max,
              std::string help);
  Option& Int(std::string name, int* target, int min, int max, std::string help);
  Option& Double(std::string name, double* target, double min, double max, std::string help);
  Option& Bool(std::string name, bool* target, std::string help);
  // As absl reads it: 250ms, 1.5s, 2m, 1h30m.
  Option& Duration(std::string name, absl::Duration* target, absl::Duration min, absl::Duration max,
                   std::string help);
  Option& Rate(std::string name, base::Rate* target, std::string help);
  Option& Secret(std::string name, std::string* target, std::string help);

  // Reads all settings and reports every fault at once. `environ` as the process got it:
  // NAME=VALUE, ended by a null pointer. With --help among the arguments nothing is checked and
  // help_requested() turns true.
  absl::Status Parse(int argc, const char* const* argv, const char* const* environ);
  bool help_requested() const { return help_requested_; }

  // Parse with the process's environment; prints the help and exits with 0, or the faults and
  // exits with 2.
  void ParseOrExit(int argc, const char* const* argv);

  // One paragraph a setting: flag, help, default, variables' names.
  std::string Help() const;

  // Name (with underscores) and value of every setting, for the one log line at start; a secret's
  // value is "(set)" or "(empty)".
  std::vector<std::pair<std::string, std::string>> Values() const;
  // Values() in one line, for the one log line at the start: "listen=127.0.0.1:7001 key-file=...".
  // One field, since the log redacts by the names of fields and settings are no personal data.
  std::string Summary() const;

 private:
  Option& Add(std::string name, std::string kind, std::string help);
  void CheckValue(const Option& option, absl::string_view source, const std::string& value,
                  std::vector<std::string>& faults) const;

  std::string service_;
  std::deque<Option> options_;  // a deque, because callers hold references
  bool help_requested_ = false;
};

}  // namespace kabar::config
