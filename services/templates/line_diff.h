// What changed between two texts, line by line.
//
// Thread safety: a free function. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TEMPLATES_LINE_DIFF_H_
#define KABAR_SERVICES_TEMPLATES_LINE_DIFF_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kabar::templates {

enum class Change { kSame, kRemoved, kAdded };

struct DiffLine {
  Change change = Change::kSame;
  std::string text = {};

  bool operator==(const DiffLine&) const = default;
};

// Each line with what became of it, as few changes as can be. Very long texts (4 million pairs of
// lines) are shown as all removed and all added.
std::vector<DiffLine> LineDiff(absl::string_view before, absl::string_view after);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_LINE_DIFF_H_
