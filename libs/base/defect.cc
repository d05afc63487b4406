#include "libs/base/defect.h"

#ifdef KABAR_FAILPOINTS

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace kabar::base {

bool HasDefect(absl::string_view name) {
  static const std::vector<std::string>* const defects = [] {
    const char* value = std::getenv("KABAR_DEFECT");
    return new std::vector<std::string>(
        absl::StrSplit(value == nullptr ? "" : value, ',', absl::SkipEmpty()));
  }();
  for (const std::string& defect : *defects) {
    if (defect == name) return true;
  }
  return false;
}

}  // namespace kabar::base

#endif
