// The ready-made segments that come with the suite (segment_library.txt).
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming the line of a file
// that is not written as segment_library.txt says; the embedded one is, as its test shows.
#ifndef KABAR_SERVICES_CONTACTS_SEGMENT_LIBRARY_H_
#define KABAR_SERVICES_CONTACTS_SEGMENT_LIBRARY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::contacts {

struct LibrarySegment {
  std::string code = {};
  std::string name = {};
  std::string filter = {};
};

absl::StatusOr<std::vector<LibrarySegment>> ParseSegmentLibrary(absl::string_view text);

// The embedded one.
absl::StatusOr<std::vector<LibrarySegment>> SegmentLibrary();

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SEGMENT_LIBRARY_H_
