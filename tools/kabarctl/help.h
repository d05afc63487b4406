// The help at each level: of kabarctl, of a noun, of a command.
//
// Thread safety: pure functions. Nothing blocks. Errors: none.
#ifndef KABAR_TOOLS_KABARCTL_HELP_H_
#define KABAR_TOOLS_KABARCTL_HELP_H_

#include <string>

#include "absl/strings/string_view.h"
#include "tools/kabarctl/command.h"

namespace kabar::kabarctl {

std::string ProgramHelp();
std::string NounHelp(absl::string_view noun);
std::string CommandHelp(const Command& command);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_HELP_H_
