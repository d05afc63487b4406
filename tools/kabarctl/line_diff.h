// What changed between two texts, line by line.
//
// Thread safety: a free function. Blocks: never. Errors: none.
#ifndef KABAR_TOOLS_KABARCTL_LINE_DIFF_H_
#define KABAR_TOOLS_KABARCTL_LINE_DIFF_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::kabarctl {

// Each line with what became of it in front: "  " kept, "- " gone, "+ " new; as few changes as can
// be. Very long texts (4 million pairs of lines) are shown as all gone and all new.
std::string LineDiff(absl::string_view before, absl::string_view after);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_LINE_DIFF_H_
