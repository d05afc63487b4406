#include "libs/config/config.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

extern char** environ;

namespace kabar::config {
namespace {

absl::Status Refuse(absl::string_view expectation) {
  return absl::InvalidArgumentError(expectation);
}

std::string EnvironmentName(absl::string_view service, absl::string_view name) {
  std::string joined =
      service.empty() ? absl::StrCat("KABAR_", name) : absl::StrCat("KABAR_", service, "_", name);
  return absl::StrReplaceAll(absl::AsciiStrToUpper(joined), {{"-", "_"}});
}

std::map<std::string, std::string> ReadEnvironment(const char* const* variables) {
  std::map<std::string, std::string> values;
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    std::pair<std::string, std::string> pair = absl::StrSplit(*variables, absl::MaxSplits('=', 1));
    if (!pair.second.empty()) values.insert(std::move(pair));
  }
  return values;
}

// What the command line says, by setting name.
struct Arguments {
  std::map<std::string, std::string> values;
  std::vector<std::string> faults;
};

Arguments ReadArguments(int argc, const char* const* argv,
                        const std::map<std::string, bool>& flag_alone_by_name) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (!absl::ConsumePrefix(&argument, "--") || argument.empty()) {
      arguments.faults.push_back(
          absl::StrCat("\"", argv[i], "\" is no flag; flags are written --name=value"));
      continue;
    }
    std::pair<std::string, std::string> pair = absl::StrSplit(argument, absl::MaxSplits('=', 1));
    auto& [name, value] = pair;
    auto known = flag_alone_by_name.find(name);
    if (known == flag_alone_by_name.end()) {
      arguments.faults.push_back(absl::StrCat("--", name, " is unknown; --help lists all flags"));
      continue;
    }
    if (!absl::StrContains(argument, '=')) {
      if (known->second) {
        value = "true";
      } else if (i + 1 < argc) {
        value = argv[++i];
      } else {
        arguments.faults.push_back(absl::StrCat("--", name, " lacks its value"));
        continue;
      }
    }
    if (!arguments.values.emplace(name, value).second) {
      arguments.faults.push_back(absl::StrCat("--", name, " is given twice"));
    }
  }
  return arguments;
}

absl::Status ReadSecret(const std::string& value, std::string* target) {
  absl::string_view path = value;
  if (!absl::ConsumePrefix(&path, "@")) {
    *target = value;
    return absl::OkStatus();
  }
  std::ifstream file(std::string(path), std::ios::binary);
  // Read in blocks: stream iterators would throw where `path` is a folder.
  std::string content;
  char block[4096];
  while (file.read(block, sizeof(block)) || file.gcount() > 0) {
    content.append(block, static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    return Refuse(absl::StrCat("file ", path, " cannot be read; give @ and a readable file"));
  }
  if (absl::EndsWith(content, "\n")) content.pop_back();
  if (absl::EndsWith(content, "\r")) content.pop_back();
  *target = std::move(content);
  return absl::OkStatus();
}

template <typename Number>
absl::Status ReadInteger(const std::string& value, Number min, Number max, Number* target) {
  Number number = 0;
  if (!absl::SimpleAtoi(value, &number) || number < min || number > max) {
    return Refuse(absl::StrCat("expected a whole number from ", min, " to ", max));
  }
  *target = number;
  return absl::OkStatus();
}

}  // namespace

Option& Option::Required() {
  required = true;
  return *this;
}

Option& Option::OneOf(std::vector<std::string> values) {
  one_of = std::move(values);
  return *this;
}

Option& Option::Check(std::function<absl::Status(absl::string_view)> check) {
  checks.push_back(std::move(check));
  return *this;
}

Parser::Parser(std::string service) : service_(std::move(service)) {}

Option& Parser::Add(std::string name, std::string kind, std::string help) {
  for (const Option& option : options_) {
    if (option.name != name) continue;
    std::fprintf(stderr, "kabar: setting %s is declared twice\n", name.c_str());
    std::abort();
  }
  Option& option = options_.emplace_back();
  option.name = std::move(name);
  option.kind = std::move(kind);
  option.help = std::move(help);
  return option;
}

Option& Parser::String(std::string name, std::string* target, std::string help) {
  Option& option = Add(std::move(name), "TEXT", std::move(help));
  option.parse = [target](const std::string& value) {
    if (!base::IsValidUtf8(value)) return Refuse("expected UTF-8 text");
    *target = value;
    return absl::OkStatus();
  };
  option.format = [target] { return *target; };
  option.default_text = *target;
  return option;
}

Option& Parser::StringList(std::string name, std::vector<std::string>* target, std::string help) {
  Option& option = Add(std::move(name), "TEXT,TEXT,...", std::move(help));
  option.parse = [target](const std::string& value) {
    target->clear();
    for (absl::string_view part : absl::StrSplit(value, ',')) {
      part = base::Trim(part);
      if (part.empty()) return Refuse("expected parts between the commas, one is empty");
      target->emplace_back(part);
    }
    return absl::OkStatus();
  };
  option.format = [target] { return absl::StrJoin(*target, ","); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Int(std::string name, std::int64_t* target, std::int64_t min, std::int64_t max,
                    std::string help) {
  Option& option = Add(std::move(name), "NUMBER", std::move(help));
  option.parse = [=](const std::string& value) { return ReadInteger(value, min, max, target); };
  option.format = [target] { return absl::StrCat(*target); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Int(std::string name, int* target, int min, int max, std::string help) {
  Option& option = Add(std::move(name), "NUMBER", std::move(help));
  option.parse = [=](const std::string& value) { return ReadInteger(value, min, max, target); };
  option.format = [target] { return absl::StrCat(*target); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Double(std::string name, double* target, double min, double max, std::string help) {
  Option& option = Add(std::move(name), "NUMBER", std::move(help));
  option.parse = [=](const std::string& value) {
    double number = 0;
    // Written so that NaN, which compares with nothing, is refused.
    if (!absl::SimpleAtod(value, &number) || !(number >= min && number <= max)) {
      return Refuse(absl::StrCat("expected a number from ", min, " to ", max));
    }
    *target = number;
    return absl::OkStatus();
  };
  option.format = [target] { return absl::StrCat(*target); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Bool(std::string name, bool* target, std::string help) {
  Option& option = Add(std::move(name), "true|false", std::move(help));
  option.flag_alone = true;
  option.parse = [target](const std::string& value) {
    bool flag = false;
    if (!absl::SimpleAtob(value, &flag)) return Refuse("expected true or false");
    *target = flag;
    return absl::OkStatus();
  };
  option.format = [target] { return std::string(*target ? "true" : "false"); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Duration(std::string name, absl::Duration* target, absl::Duration min,
                         absl::Duration max, std::string help) {
  Option& option = Add(std::move(name), "DURATION", std::move(help));
  option.parse = [=](const std::string& value) {
    absl::Duration duration;
    if (!absl::ParseDuration(value, &duration) || duration < min || duration > max) {
      return Refuse(absl::StrCat("expected a duration such as 250ms, 1.5s or 1h30m, from ",
                                 absl::FormatDuration(min), " to ", absl::FormatDuration(max)));
    }
    *target = duration;
    return absl::OkStatus();
  };
  option.format = [target] { return absl::FormatDuration(*target); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Rate(std::string name, base::Rate* target, std::string help) {
  Option& option = Add(std::move(name), "RATE", std::move(help));
  option.parse = [target](const std::string& value) {
    KABAR_ASSIGN_OR_RETURN(*target, base::ParseRate(value));
    return absl::OkStatus();
  };
  option.format = [target] { return base::FormatRate(*target); };
  option.default_text = option.format();
  return option;
}

Option& Parser::Secret(std::string name, std::string* target, std::string help) {
  Option& option = Add(std::move(name), "SECRET|@FILE", std::move(help));
  option.secret = true;
  option.parse = [target](const std::string& value) { return ReadSecret(value, target); };
  option.format = [target] { return *target; };
  return option;
}

// `source` names where the value came from; empty for the default, which needs no parsing.
void Parser::CheckValue(const Option& option, absl::string_view source, const std::string& value,
                        std::vector<std::string>& faults) const {
  auto report = [&](absl::string_view fault) {
    std::string where = absl::StrCat("--", option.name);
    if (!source.empty()) absl::StrAppend(&where, " (from ", source, ")");
    if (!source.empty() && !option.secret) absl::StrAppend(&where, " = \"", value, "\"");
    faults.push_back(absl::StrCat(where, ": ", fault));
  };
  if (!source.empty()) {
    if (absl::Status status = option.parse(value); !status.ok()) {
      report(status.message());
      return;
    }
  }
  std::string text = option.format();
  if (text.empty()) {
    if (option.required) {
      report(absl::StrCat("is required; give --", option.name, "=... or ",
                          EnvironmentName(service_, option.name)));
    }
    return;
  }
  if (!option.one_of.empty() &&
      std::find(option.one_of.begin(), option.one_of.end(), text) == option.one_of.end()) {
    report(absl::StrCat("expected one of ", absl::StrJoin(option.one_of, ", ")));
    return;
  }
  for (const auto& check : option.checks) {
    if (absl::Status status = check(text); !status.ok()) report(status.message());
  }
}

absl::Status Parser::Parse(int argc, const char* const* argv, const char* const* variables) {
  for (int i = 1; i < argc; ++i) {
    if (absl::string_view(argv[i]) == "--help") {
      help_requested_ = true;
      return absl::OkStatus();
    }
  }
  std::map<std::string, bool> flag_alone_by_name;
  for (const Option& option : options_) flag_alone_by_name[option.name] = option.flag_alone;
  Arguments arguments = ReadArguments(argc, argv, flag_alone_by_name);
  std::map<std::string, std::string> environment = ReadEnvironment(variables);

  std::vector<std::string> faults = std::move(arguments.faults);
  for (const Option& option : options_) {
    if (auto flag = arguments.values.find(option.name); flag != arguments.values.end()) {
      CheckValue(option, "the command line", flag->second, faults);
      continue;
    }
    auto variable = environment.find(EnvironmentName(service_, option.name));
    if (variable == environment.end()) {
      variable = environment.find(EnvironmentName("", option.name));
    }
    if (variable != environment.end()) {
      CheckValue(option, variable->first, variable->second, faults);
    } else {
      CheckValue(option, "", "", faults);
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     absl::StrJoin(faults, "\n"));
}

void Parser::ParseOrExit(int argc, const char* const* argv) {
  absl::Status status = Parse(argc, argv, environ);
  if (help_requested_) {
    std::fputs(Help().c_str(), stdout);
    std::exit(0);
  }
  if (!status.ok()) {
    std::string faults = absl::StrCat("kabar-", service_, ": the settings are wrong:\n  ",
                                      absl::StrReplaceAll(status.message(), {{"\n", "\n  "}}),
                                      "\n--help explains every setting.\n");
    std::fputs(faults.c_str(), stderr);
    std::exit(2);
  }
}

std::string Parser::Help() const {
  std::string help =
      absl::StrCat("kabar-", service_,
                   "\n\nSettings come from the command line, else from the first variable named, "
                   "else the second,\nelse the default.\n");
  for (const Option& option : options_) {
    absl::StrAppend(&help, "\n  --", option.name, "=", option.kind,
                    option.required ? "  (required)" : "", "\n      ", option.help, "\n");
    if (!option.one_of.empty()) {
      absl::StrAppend(&help, "      one of: ", absl::StrJoin(option.one_of, ", "), "\n");
    }
    absl::StrAppend(&help,
                    "      default: ", option.default_text.empty() ? "(none)" : option.default_text,
                    "   env: ", EnvironmentName(service_, option.name), ", ",
                    EnvironmentName("", option.name), "\n");
  }
  return help;
}

std::vector<std::pair<std::string, std::string>> Parser::Values() const {
  std::vector<std::pair<std::string, std::string>> values;
  for (const Option& option : options_) {
    std::string value = option.format();
    if (option.secret) value = value.empty() ? "(empty)" : "(set)";
    values.emplace_back(absl::StrReplaceAll(option.name, {{"-", "_"}}), std::move(value));
  }
  return values;
}

std::string Parser::Summary() const {
  std::string line;
  for (const auto& [name, value] : Values()) {
    absl::StrAppend(&line, line.empty() ? "" : " ", name, "=", value);
  }
  return line;
}

}  // namespace kabar::config
