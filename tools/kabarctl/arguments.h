// What a command takes, and what was typed.
//
//   absl::StatusOr<Arguments> arguments = ParseArguments(words, {{"FILE", "the CSV"}},
//                                                        {{"rate", "RATE", "how fast"}});
//   arguments->Get("FILE"); arguments->Has("rate");
//
// Options are `--name value` or `--name=value`, switches `--name`; they may stand anywhere, and
// everything after `--` is positional. A value that begins with `--` needs the form with `=`, so
// that a forgotten value is told and not swallowed.
//
// Thread safety: values. Nothing blocks. Errors: INVALID_ARGUMENT with reason USAGE (kUsage), in
// words for the person who typed.
#ifndef KABAR_TOOLS_KABARCTL_ARGUMENTS_H_
#define KABAR_TOOLS_KABARCTL_ARGUMENTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::kabarctl {

inline constexpr char kUsage[] = "USAGE";

absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

struct Option {
  std::string name;        // without dashes
  std::string value = {};  // what stands for the value in the help; empty: a switch
  std::string help = {};
  std::string field = {};  // of the request: a refusal of that field then names this option
  bool required = false;
  bool repeated = false;
};

struct Positional {
  std::string name;  // UPPER CASE
  std::string help = {};
  std::string field = {};
  bool required = true;
  bool repeated = false;  // the last one: takes all words that are left
};

class Arguments {
 public:
  void Add(const std::string& name, std::string value);

  bool Has(const std::string& name) const;
  // The value (of a repeated option the last); "" if it was not given.
  const std::string& Get(const std::string& name) const;
  const std::vector<std::string>& All(const std::string& name) const;

  // Errors name the option.
  absl::StatusOr<std::int64_t> Integer(const std::string& name, std::int64_t fallback) const;
  // "90s", "1h30m", "0"; a bare number is seconds.
  absl::StatusOr<absl::Duration> Duration(const std::string& name, absl::Duration fallback) const;
  // NAME=VALUE each.
  absl::StatusOr<std::map<std::string, std::string>> Pairs(const std::string& name) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words,
                                         const std::vector<Positional>& positionals,
                                         const std::vector<Option>& options);

// " (did you mean X?)" for the nearest candidate, "" if none is near.
std::string DidYouMean(absl::string_view typed, const std::vector<std::string>& candidates);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_ARGUMENTS_H_
