// The ready-made templates that come with the suite (library.txt), each with a sample.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming the line of a file
// that is not written as library.txt says; the embedded one is, as its test shows.
#ifndef KABAR_SERVICES_TEMPLATES_LIBRARY_H_
#define KABAR_SERVICES_TEMPLATES_LIBRARY_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::templates {

using SampleValues = std::vector<std::pair<std::string, std::string>>;

struct LibraryTemplate {
  std::string code = {};
  std::string title = {};
  std::string message = {};
  SampleValues sample = {};
  std::vector<SampleValues> parcels = {};
  std::string reads = {};  // the sample's text
};

absl::StatusOr<std::vector<LibraryTemplate>> ParseLibrary(absl::string_view text);

// The embedded one.
absl::StatusOr<std::vector<LibraryTemplate>> Library();

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_LIBRARY_H_
