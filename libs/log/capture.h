// For tests: collects the log lines of the process instead of writing them to stderr.
//
// Thread safety: lines may come from any thread; one Capture at a time. Blocks: no. Errors: none.
#pragma once

#include <string>
#include <vector>

#include "libs/log/log.h"

namespace kabar::log {

class Capture {
 public:
  explicit Capture(Level level = Level::kDebug);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Each without its line break.
  std::vector<std::string> lines() const;

 private:
  Level previous_level_;
};

}  // namespace kabar::log
