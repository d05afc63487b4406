#include "tools/kabarctl/program.h"

#include <algorithm>
#include <cstddef>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/errors.h"
#include "tools/kabarctl/help.h"

namespace kabar::kabarctl {
namespace {

// A noun that is a command without a verb.
bool StandsAlone(const std::string& noun) {
  return std::any_of(AllCommands().begin(), AllCommands().end(), [&](const Command& command) {
    return command.noun == noun && command.verb.empty();
  });
}

// The words taken apart before any command is known.
struct Split {
  std::string noun;
  std::string verb;
  std::vector<std::string> rest;
  bool help = false;
  bool json = false;
};

bool TakesValue(const std::string& word) {
  for (const Option& option : GlobalOptions()) {
    if (word == "--" + option.name) return !option.value.empty();
  }
  return false;
}

Split SplitWords(const std::vector<std::string>& words) {
  Split split;
  bool ended = false;  // behind "--" nothing is an option
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    ended = ended || word == "--";
    if (!ended && (word == "--help" || word == "-h")) {
      split.help = true;
    } else if (!ended && absl::StartsWith(word, "--")) {
      split.json = split.json || word == "--json";
      split.rest.push_back(word);
      if (TakesValue(word) && i + 1 < words.size()) split.rest.push_back(words[++i]);
    } else if (split.noun.empty()) {
      split.noun = word;
    } else if (split.verb.empty() && split.noun != "help" && !StandsAlone(split.noun)) {
      split.verb = word;
    } else if (split.noun == "help") {  // kabarctl help campaigns create
      split.noun = word;
      split.help = true;
    } else {
      split.rest.push_back(word);
    }
  }
  if (split.noun == "help") {
    split.noun.clear();
    split.help = true;
  }
  return split;
}

const Command* Find(const Split& split) {
  for (const Command& command : AllCommands()) {
    if (command.noun == split.noun && command.verb == split.verb) return &command;
  }
  return nullptr;
}

bool IsNoun(const std::string& noun) {
  return std::any_of(AllCommands().begin(), AllCommands().end(),
                     [&](const Command& command) { return command.noun == noun; });
}

// What is wrong with noun and verb.
absl::Status UnknownCommand(const Split& split) {
  std::vector<std::string> nouns;
  std::vector<std::string> verbs;
  for (const Command& command : AllCommands()) {
    nouns.push_back(command.noun);
    if (command.noun == split.noun) verbs.push_back(command.verb);
  }
  if (verbs.empty()) {
    return UsageError(absl::StrCat("there is no command ", split.noun,
                                   DidYouMean(split.noun, nouns), "; see kabarctl --help"));
  }
  return UsageError(absl::StrCat(split.noun, " knows no ", split.verb,
                                 DidYouMean(split.verb, verbs), "; see kabarctl ", split.noun,
                                 " --help"));
}

int Fail(const absl::Status& status, const Command* command, bool json, std::ostream& error) {
  if (json) {
    error << ErrorJson(status, command);
  } else {
    error << "kabarctl: " << ErrorSentence(status, command);
    if (IsUsageError(status) && command != nullptr) {
      error << "\nsee kabarctl " << FullName(*command) << " --help";
    }
  }
  error << std::endl;
  return ExitCode(status);
}

absl::StatusOr<int> RunCommand(const Command& command, const Split& split,
                               const Environment& environment, const Terminal& terminal) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), GlobalOptions().begin(), GlobalOptions().end());
  KABAR_ASSIGN_OR_RETURN(const Arguments arguments,
                         ParseArguments(split.rest, command.positionals, options));
  KABAR_ASSIGN_OR_RETURN(Session::Options session_options,
                         ReadSessionOptions(arguments, environment));
  Session session(std::move(session_options), terminal);
  return command.run(session, arguments);
}

}  // namespace

int Run(const std::vector<std::string>& words, const Environment& environment,
        const Terminal& terminal) {
  const Split split = SplitWords(words);
  if (split.noun.empty()) {
    (split.help ? *terminal.out : *terminal.error) << ProgramHelp();
    return split.help ? kExitOk : kExitUsage;
  }
  if (split.verb.empty() && IsNoun(split.noun) && !StandsAlone(split.noun)) {
    (split.help ? *terminal.out : *terminal.error) << NounHelp(split.noun);
    return split.help ? kExitOk : kExitUsage;
  }
  const Command* command = Find(split);
  if (command == nullptr) return Fail(UnknownCommand(split), nullptr, split.json, *terminal.error);
  if (split.help) {
    *terminal.out << CommandHelp(*command);
    return kExitOk;
  }
  const absl::StatusOr<int> code = RunCommand(*command, split, environment, terminal);
  if (!code.ok()) return Fail(code.status(), command, split.json, *terminal.error);
  terminal.out->flush();
  if (!terminal.out->good()) {
    *terminal.error << "kabarctl: standard output cannot be written" << std::endl;
    return kExitRefused;
  }
  return *code;
}

}  // namespace kabar::kabarctl
