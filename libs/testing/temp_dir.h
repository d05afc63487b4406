// A folder for one test, removed with all it holds when the object goes.
//
// Thread safety: const use from any thread. Blocks: on the file system. Errors: the constructor
// ends the process if the system's temporary folder cannot be written, since no test could go on.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

  // The path of a file inside; the second form writes it too.
  std::string File(absl::string_view name) const;
  std::string WriteFile(absl::string_view name, absl::string_view content) const;

 private:
  std::string path_;
};

}  // namespace kabar::testing
