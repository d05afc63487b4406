#include "services/contacts/segment_library.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/contacts/texts.h"

namespace kabar::contacts {

absl::StatusOr<std::vector<LibrarySegment>> ParseSegmentLibrary(absl::string_view text) {
  std::vector<LibrarySegment> found;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::ConsumePrefix(&line, "=== ")) {
      found.emplace_back().code = std::string(line);
      continue;
    }
    if (line.empty() || (found.empty() && line[0] == '#')) continue;
    const bool named = !found.empty() && !found.back().name.empty();
    if (!found.empty() && !named && absl::ConsumePrefix(&line, "name: ")) {
      found.back().name = std::string(line);
      continue;
    }
    if (!named) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, " of the segments' library: ",
                                                     "a code (=== ...) or its name (name: ...) "
                                                     "was expected"));
    }
    std::string& filter = found.back().filter;
    absl::StrAppend(&filter, filter.empty() ? "" : " ", line);
  }
  return found;
}

absl::StatusOr<std::vector<LibrarySegment>> SegmentLibrary() {
  return ParseSegmentLibrary(SegmentLibraryText());
}

}  // namespace kabar::contacts
