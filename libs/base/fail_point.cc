#include "libs/base/fail_point.h"

#ifdef KABAR_FAILPOINTS

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"

namespace kabar::base {
namespace {

struct Armed {
  std::string name;
  std::string file;
  int hits = 1;
};

bool IsListed(absl::string_view name) {
  for (const FailPointOf& point : kFailPoints) {
    if (point.name == name) return true;
  }
  return false;
}

[[noreturn]] void Refuse(absl::string_view what) {
  std::fprintf(stderr, "KABAR_FAIL_POINT: %.*s is not <listed name>@<file>#<n>\n",
               static_cast<int>(what.size()), what.data());
  std::abort();
}

const Armed& Environment() {
  static const Armed* const armed = [] {
    auto* parsed = new Armed;
    const char* value = std::getenv("KABAR_FAIL_POINT");
    if (value == nullptr) return parsed;
    const std::string text = value;
    const auto at = text.find('@');
    const auto hash = text.rfind('#');
    if (at == std::string::npos || hash == std::string::npos || hash < at ||
        !absl::SimpleAtoi(text.substr(hash + 1), &parsed->hits) || !IsListed(text.substr(0, at))) {
      Refuse(text);
    }
    parsed->name = text.substr(0, at);
    parsed->file = text.substr(at + 1, hash - at - 1);
    return parsed;
  }();
  return *armed;
}

}  // namespace

void FailPoint(absl::string_view name) {
  static std::atomic<int> hits = 0;
  const Armed& armed = Environment();
  if (!IsListed(name)) Refuse(name);
  if (name != armed.name || ++hits != armed.hits) return;
  const int file = ::open(armed.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return;
  ::close(file);
  std::raise(SIGKILL);
}

}  // namespace kabar::base

#endif
