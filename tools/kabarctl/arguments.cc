#include "tools/kabarctl/arguments.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::kabarctl {
namespace {

std::size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

const Option* Find(const std::vector<Option>& options, absl::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

absl::Status UnknownOption(absl::string_view name, const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(absl::StrCat("--", option.name));
  return UsageError(
      absl::StrCat("there is no option --", name, DidYouMean(absl::StrCat("--", name), names)));
}

// Takes words[*i] (an option) and, where it has one, its value.
absl::Status TakeOption(const std::vector<std::string>& words, std::size_t* i,
                        const std::vector<Option>& options, Arguments* arguments) {
  absl::string_view name = absl::string_view(words[*i]).substr(2);
  const std::size_t equals = name.find('=');
  const bool joined = equals != absl::string_view::npos;
  const std::string value(joined ? name.substr(equals + 1) : "");
  if (joined) name = name.substr(0, equals);
  const Option* option = Find(options, name);
  if (option == nullptr) return UnknownOption(name, options);
  if (arguments->Has(option->name) && !option->repeated) {
    return UsageError(absl::StrCat("--", name, " is given twice"));
  }
  if (option->value.empty()) {
    if (joined) return UsageError(absl::StrCat("--", name, " takes no value"));
    arguments->Add(option->name, "");
  } else if (joined) {
    arguments->Add(option->name, value);
  } else if (*i + 1 >= words.size() || absl::StartsWith(words[*i + 1], "--")) {
    return UsageError(absl::StrCat("--", name, " needs a value: --", name, " ", option->value));
  } else {
    arguments->Add(option->name, words[++*i]);
  }
  return absl::OkStatus();
}

absl::Status CheckRequired(const Arguments& arguments, const std::vector<Positional>& positionals,
                           const std::vector<Option>& options) {
  for (const Positional& positional : positionals) {
    if (positional.required && !arguments.Has(positional.name)) {
      return UsageError(absl::StrCat(positional.name, " is missing: ", positional.help));
    }
  }
  for (const Option& option : options) {
    if (option.required && !arguments.Has(option.name)) {
      return UsageError(
          absl::StrCat("--", option.name, " ", option.value, " is missing: ", option.help));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return base::Error(absl::StatusCode::kInvalidArgument, kUsage, message);
}

bool IsUsageError(const absl::Status& status) { return base::GetReason(status) == kUsage; }

void Arguments::Add(const std::string& name, std::string value) {
  values_[name].push_back(std::move(value));
}

bool Arguments::Has(const std::string& name) const { return values_.count(name) > 0; }

const std::string& Arguments::Get(const std::string& name) const {
  static const std::string* const kNone = new std::string;
  const auto found = values_.find(name);
  return found == values_.end() ? *kNone : found->second.back();
}

const std::vector<std::string>& Arguments::All(const std::string& name) const {
  static const auto* const kNone = new std::vector<std::string>;
  const auto found = values_.find(name);
  return found == values_.end() ? *kNone : found->second;
}

namespace {

// As it is written in the command: positionals are named in capitals and have no dashes.
std::string Written(const std::string& name) {
  return absl::ascii_isupper(static_cast<unsigned char>(name[0])) ? name : absl::StrCat("--", name);
}

}  // namespace

absl::StatusOr<std::int64_t> Arguments::Integer(const std::string& name,
                                                std::int64_t fallback) const {
  if (!Has(name)) return fallback;
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(Get(name), &number) || number < 0) {
    return UsageError(
        absl::StrCat(Written(name), ": \"", Get(name), "\" is not a whole number from 0"));
  }
  return number;
}

absl::StatusOr<absl::Duration> Arguments::Duration(const std::string& name,
                                                   absl::Duration fallback) const {
  if (!Has(name)) return fallback;
  const std::string& text = Get(name);
  std::int64_t seconds = 0;
  absl::Duration duration;
  if (absl::SimpleAtoi(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return UsageError(
        absl::StrCat("--", name, ": \"", text, "\" is not a time span; write 90s, 15m or 1h30m"));
  }
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) {
    return UsageError(absl::StrCat("--", name, ": must be finite and not negative"));
  }
  return duration;
}

absl::StatusOr<std::map<std::string, std::string>> Arguments::Pairs(const std::string& name) const {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : All(name)) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(absl::StrCat("--", name, ": \"", text, "\" is not of the form NAME=VALUE"));
    }
    if (!pairs.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return UsageError(absl::StrCat("--", name, ": ", text.substr(0, equals), " is given twice"));
    }
  }
  return pairs;
}

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words,
                                         const std::vector<Positional>& positionals,
                                         const std::vector<Option>& options) {
  Arguments arguments;
  std::size_t taken = 0;
  bool only_positionals = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!base::IsValidUtf8(word)) {  // no string of a request may be anything else
      return UsageError(
          absl::StrCat("argument ", i + 1, " is not UTF-8; set the terminal to UTF-8"));
    }
    if (!only_positionals && word == "--") {
      only_positionals = true;
    } else if (!only_positionals && absl::StartsWith(word, "--")) {
      KABAR_RETURN_IF_ERROR(TakeOption(words, &i, options, &arguments));
    } else if (taken == positionals.size()) {
      return UsageError(absl::StrCat("\"", word, "\" is one argument too many",
                                     taken > 0 ? "; put texts with blanks in quotes" : ""));
    } else {
      arguments.Add(positionals[taken].name, word);
      if (!positionals[taken].repeated) ++taken;
    }
  }
  KABAR_RETURN_IF_ERROR(CheckRequired(arguments, positionals, options));
  return arguments;
}

std::string DidYouMean(absl::string_view typed, const std::vector<std::string>& candidates) {
  const std::string* nearest = nullptr;
  std::size_t least = 3;  // more than two slips is another word
  for (const std::string& candidate : candidates) {
    const std::size_t distance = Distance(typed, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : absl::StrCat(" (did you mean ", *nearest, "?)");
}

}  // namespace kabar::kabarctl
