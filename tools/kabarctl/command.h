// The table of commands: one entry per `kabarctl NOUN VERB` (or NOUN alone).
//
// Thread safety: immutable once built. Nothing blocks. Errors: those of a command's function, as a
// status that errors.h makes a sentence and an exit code of.
#ifndef KABAR_TOOLS_KABARCTL_COMMAND_H_
#define KABAR_TOOLS_KABARCTL_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/kabarctl/arguments.h"

namespace kabar::kabarctl {

class Session;

inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;

struct Command {
  std::string noun;
  std::string verb;  // empty: the noun alone is the command
  std::string summary;
  std::string details = {};  // below the usage line
  std::vector<Positional> positionals = {};
  std::vector<Option> options = {};
  // The exit code; a status for what went wrong.
  absl::StatusOr<int> (*run)(Session& session, const Arguments& arguments) = nullptr;
};

using Commands = std::vector<Command>;

// One function a noun, in the file of that name.
Commands ContactCommands();
Commands ImportCommands();
Commands SourceCommands();
Commands ContactMergeCommands();
Commands ContactConsentCommands();
Commands ContactTimelineCommands();
Commands ContactAttributeCommands();
Commands ContactExportCommands();
Commands ContactPersonalDataCommands();
Commands SegmentCommands();
Commands FactCommands();
Commands TemplateCommands();
Commands ProviderTemplateCommands();
Commands CampaignCommands();
Commands HolidayCommands();
Commands EventCommands();
Commands AutomationCommands();
Commands PortfolioCommands();
Commands SenderCommands();
Commands MediaCommands();
Commands MessageCommands();
Commands DeadLetterCommands();
Commands LaneCommands();
Commands SendingCommands();
Commands AuditCommands();
Commands VerifyCommands();

// All of them, in the order of the help.
const Commands& AllCommands();

// "campaigns create"
std::string FullName(const Command& command);

// Those that every command takes: --json, --timeout, addresses, key.
const std::vector<Option>& GlobalOptions();

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_COMMAND_H_
