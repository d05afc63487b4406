// Header, footer and buttons of a template, as options.
//
// Thread safety: free functions. Blocks: never. Errors: a usage error that says what to write.
#ifndef KABAR_TOOLS_KABARCTL_TEMPLATE_PARTS_H_
#define KABAR_TOOLS_KABARCTL_TEMPLATE_PARTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "kabar/content/v1/content.pb.h"
#include "tools/kabarctl/arguments.h"
#include "tools/kabarctl/command.h"

namespace kabar::kabarctl {

// With those of the parts behind them.
std::vector<Option> PartsOptions(std::vector<Option> options);

// False: none of them is given.
absl::StatusOr<bool> ReadParts(const Arguments& arguments, content::v1::Parts* parts);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_TEMPLATE_PARTS_H_
