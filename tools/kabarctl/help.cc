#include "tools/kabarctl/help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/text.h"

namespace kabar::kabarctl {
namespace {

constexpr std::size_t kWidth = 100;

using Lines = std::vector<std::pair<std::string, std::string>>;

// Two columns; the right one wraps within itself.
std::string Columns(const Lines& lines) {
  std::size_t width = 0;
  for (const auto& [left, right] : lines) width = std::max(width, left.size());
  std::string text;
  for (const auto& [left, right] : lines) {
    std::string line = absl::StrCat("  ", left, std::string(width - left.size(), ' '), " ");
    const std::size_t indent = line.size();
    for (absl::string_view word : absl::StrSplit(right, ' ')) {
      if (base::CountCodepoints(line) + 1 + base::CountCodepoints(word) > kWidth) {
        absl::StrAppend(&text, line, "\n");
        line = std::string(indent, ' ');
      }
      absl::StrAppend(&line, " ", word);
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string OptionName(const Option& option) {
  return absl::StrCat("--", option.name, option.value.empty() ? "" : " ", option.value);
}

Lines OptionLines(const std::vector<Option>& options) {
  Lines lines;
  for (const Option& option : options) {
    lines.emplace_back(OptionName(option),
                       absl::StrCat(option.help, option.required ? " (required)" : "",
                                    option.repeated ? " (may be repeated)" : ""));
  }
  return lines;
}

std::string Usage(const Command& command) {
  std::string usage = absl::StrCat("kabarctl ", FullName(command));
  bool more = false;
  for (const Positional& p : command.positionals) {
    absl::StrAppend(&usage, p.required ? " " : " [", p.name, p.repeated ? " ..." : "",
                    p.required ? "" : "]");
  }
  for (const Option& option : command.options) {
    if (option.required) {
      absl::StrAppend(&usage, " ", OptionName(option));
    } else {
      more = true;
    }
  }
  return absl::StrCat(usage, more ? " [options]" : "");
}

}  // namespace

std::string ProgramHelp() {
  Lines lines;
  for (const Command& command : AllCommands()) {
    lines.emplace_back(FullName(command), command.summary);
  }
  return absl::StrCat(
      "kabarctl: the Kabar suite from the command line\n\n"
      "Usage: kabarctl NOUN VERB [arguments] [options]\n"
      "       kabarctl NOUN --help, kabarctl NOUN VERB --help\n\nCommands:\n",
      Columns(lines), "\nOptions of every command:\n", Columns(OptionLines(GlobalOptions())),
      "\nExit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 a service cannot be reached.\n"
      "Tables are for people and may change; programs read --json (the contracts' own field "
      "names,\n"
      "proto/kabar). Errors go to standard error, with --json as {\"error\": {...}}.\n");
}

std::string NounHelp(absl::string_view noun) {
  Lines lines;
  for (const Command& command : AllCommands()) {
    if (command.noun == noun) lines.emplace_back(Usage(command).substr(9), command.summary);
  }
  std::string text = absl::StrCat("kabarctl ", noun, "\n\n");
  for (const auto& [usage, summary] : lines) {
    absl::StrAppend(&text, "  ", usage, "\n      ", summary, "\n");
  }
  return absl::StrCat(text, "\nkabarctl ", noun,
                      " VERB --help tells each one's arguments; kabarctl ",
                      "--help the options of every command.\n");
}

std::string CommandHelp(const Command& command) {
  std::string text = absl::StrCat(command.summary, "\n\nUsage: ", Usage(command), "\n");
  if (!command.details.empty()) absl::StrAppend(&text, "\n", command.details, "\n");
  if (!command.positionals.empty()) {
    Lines lines;
    for (const Positional& p : command.positionals) lines.emplace_back(p.name, p.help);
    absl::StrAppend(&text, "\nArguments:\n", Columns(lines));
  }
  if (!command.options.empty()) {
    absl::StrAppend(&text, "\nOptions:\n", Columns(OptionLines(command.options)));
  }
  return absl::StrCat(text, "\nOptions of every command:\n", Columns(OptionLines(GlobalOptions())));
}

}  // namespace kabar::kabarctl
