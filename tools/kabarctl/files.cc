#include "tools/kabarctl/files.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {
namespace {

constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;

// The terminal shows nothing of what is typed while this lives.
class NoEcho {
 public:
  NoEcho() : active_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() {
    if (active_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_ = {};
  bool active_;
};

std::string ReadAll(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(absl::string_view doing, absl::string_view path, int error_number) {
  return base::Error(
      error_number == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kFailedPrecondition,
      "FILE", absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error_number)));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (file == nullptr) return FileError("read", path, errno);
  std::string bytes;
  char piece[64 * 1024];
  while (const std::size_t n = std::fread(piece, 1, sizeof(piece), file.get())) {
    bytes.append(piece, n);
    if (bytes.size() > kMaxBytes) return FileError("read", path, EFBIG);
  }
  if (std::ferror(file.get()) != 0) return FileError("read", path, errno);
  return bytes;
}

absl::StatusOr<std::string> ReadText(Session& session, const std::string& path) {
  std::string text;
  if (path == "-") {
    text = ReadAll(*session.terminal().in);
  } else {
    KABAR_ASSIGN_OR_RETURN(text, ReadFile(path));
  }
  absl::string_view rest = text;
  absl::ConsumePrefix(&rest, "\xEF\xBB\xBF");
  if (absl::ConsumeSuffix(&rest, "\n")) absl::ConsumeSuffix(&rest, "\r");
  if (const std::size_t bad = base::FirstInvalidUtf8(rest); bad != absl::string_view::npos) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NOT_UTF8",
                       absl::StrCat(path == "-" ? "standard input" : path, " is not UTF-8 (byte ",
                                    bad + 1, "); save it as UTF-8"));
  }
  return std::string(rest);
}

absl::StatusOr<std::string> ReadSecret(Session& session, const std::string& path,
                                       absl::string_view what) {
  std::string text;
  if (!path.empty() && path != "-") {
    KABAR_ASSIGN_OR_RETURN(text, ReadFile(path));
  } else if (session.terminal().in_is_terminal) {
    const NoEcho silent;
    session.error() << what << " (not shown): " << std::flush;
    std::getline(*session.terminal().in, text);
    session.error() << std::endl;
  } else {
    text = ReadAll(*session.terminal().in);
  }
  std::string secret(base::Trim(text));
  if (secret.empty()) {
    return UsageError(absl::StrCat("there is no ", what, " in ",
                                   path.empty() || path == "-" ? "standard input" : path));
  }
  return secret;
}

PrivateFile::~PrivateFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(unfinished_.c_str());
}

absl::Status PrivateFile::Open(const std::string& path) {
  path_ = path;
  unfinished_ = absl::StrCat(path, ".part");
  fd_ = open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  return fd_ < 0 ? FileError("write", unfinished_, errno) : absl::OkStatus();
}

absl::Status PrivateFile::Write(absl::string_view bytes) {
  return WriteAll(fd_, bytes, unfinished_);
}

absl::Status PrivateFile::Finish() {
  absl::Status status;
  if (close(fd_) != 0) {
    status = FileError("write", unfinished_, errno);
  } else if (std::rename(unfinished_.c_str(), path_.c_str()) != 0) {
    status = FileError("write", path_, errno);
  }
  if (!status.ok()) unlink(unfinished_.c_str());
  fd_ = -1;
  return status;
}

absl::Status WritePrivateFile(const std::string& path, absl::string_view bytes) {
  PrivateFile file;
  KABAR_RETURN_IF_ERROR(file.Open(path));
  KABAR_RETURN_IF_ERROR(file.Write(bytes));
  return file.Finish();
}

}  // namespace kabar::kabarctl
