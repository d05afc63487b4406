// What commands read from files and standard input, and the one file that is written.
//
// Thread safety: free functions. Blocks: on the file system and standard input. Errors: NOT_FOUND
// or the like with reason FILE, naming the file and the system's reason; NOT_UTF8.
#ifndef KABAR_TOOLS_KABARCTL_FILES_H_
#define KABAR_TOOLS_KABARCTL_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::kabarctl {

class Session;

// All bytes, at most 16 MiB.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// UTF-8 text of a file ("-": standard input) without the line break that editors put at its end.
absl::StatusOr<std::string> ReadText(Session& session, const std::string& path);

// A secret from a file, or from standard input if `path` is empty; asked for without echo if that
// is a terminal. Trimmed; never empty.
absl::StatusOr<std::string> ReadSecret(Session& session, const std::string& path,
                                       absl::string_view what);

// A file that is written piece by piece, and is there under its name only when it is whole.
// Readable by its owner only: it holds personal data. One thread.
class PrivateFile {
 public:
  PrivateFile() = default;
  ~PrivateFile();  // what was not finished is removed
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  absl::Status Open(const std::string& path);
  absl::Status Write(absl::string_view bytes);
  absl::Status Finish();

 private:
  std::string path_;
  std::string unfinished_;
  int fd_ = -1;
};

// The same in one piece.
absl::Status WritePrivateFile(const std::string& path, absl::string_view bytes);

// "cannot read FILE: No such file or directory"
absl::Status FileError(absl::string_view doing, absl::string_view path, int error_number);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_FILES_H_
