// kabarctl from its words to its exit code.
//
// Thread safety: free functions. Blocks: as long as the command works. Errors: written to
// `terminal.error` as one sentence (--json: as JSON); the exit code is that of command.h.
#ifndef KABAR_TOOLS_KABARCTL_PROGRAM_H_
#define KABAR_TOOLS_KABARCTL_PROGRAM_H_

#include <string>
#include <vector>

#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

// `words`: without the program's own name.
int Run(const std::vector<std::string>& words, const Environment& environment,
        const Terminal& terminal);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_PROGRAM_H_
