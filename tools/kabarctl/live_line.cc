#include "tools/kabarctl/live_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

// A line that wraps cannot be written over.
std::size_t TerminalWidth() {
  winsize size = {};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col - 1u;
  }
  return 79;
}

}  // namespace

std::string Bar(std::int64_t done, std::int64_t all, int width) {
  const double share =
      all > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(all), 0.0, 1.0) : 0.0;
  const int full = static_cast<int>(share * width);
  return absl::StrCat("[", std::string(full, '#'), std::string(width - full, '.'), "]");
}

LiveLine::LiveLine(std::ostream& out, bool terminal, absl::Duration plain_every)
    : out_(out), terminal_(terminal), plain_every_(plain_every) {}

LiveLine::~LiveLine() { End(); }

void LiveLine::Show(absl::string_view text) {
  if (terminal_) {
    Write(text);
    return;
  }
  if (plain_every_ == absl::InfiniteDuration()) return;
  const absl::Time now = absl::Now();
  if (now - last_ < plain_every_) {
    held_ = std::string(text);
    return;
  }
  last_ = now;
  held_.clear();
  Write(text);
}

void LiveLine::End() {
  if (!held_.empty()) Write(held_);
  held_.clear();
  if (open_) out_ << std::endl;
  open_ = false;
}

void LiveLine::Write(absl::string_view text) {
  if (!terminal_ && text == written_) return;
  written_ = std::string(text);
  if (terminal_) {
    out_ << "\r" << Shortened(text, TerminalWidth()) << "\x1b[K" << std::flush;
    open_ = true;
  } else {
    out_ << OneLine(text) << std::endl;
  }
}

}  // namespace kabar::kabarctl
