// One line that is written over and over on a terminal; where there is none, a new line every few
// seconds, so that a log stays readable.
//
// Thread safety: one thread. Blocks: as the stream does. Errors: none.
#ifndef KABAR_TOOLS_KABARCTL_LIVE_LINE_H_
#define KABAR_TOOLS_KABARCTL_LIVE_LINE_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::kabarctl {

// "[#######.......]", `done` of `all`.
std::string Bar(std::int64_t done, std::int64_t all, int width = 30);

class LiveLine {
 public:
  // `plain_every`: how often without a terminal; InfiniteDuration: never.
  LiveLine(std::ostream& out, bool terminal, absl::Duration plain_every);
  ~LiveLine();  // ends the line
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void Show(absl::string_view text);
  // Without a terminal the last text is written too if it was held back.
  void End();

 private:
  void Write(absl::string_view text);

  std::ostream& out_;
  const bool terminal_;
  const absl::Duration plain_every_;
  absl::Time last_ = absl::InfinitePast();
  std::string held_;
  std::string written_;
  bool open_ = false;
};

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_LIVE_LINE_H_
