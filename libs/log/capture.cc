#include "libs/log/capture.h"

#include <mutex>

#include "libs/log/line.h"

namespace kabar::log {
namespace {

std::mutex g_mutex;
// Never destroyed: a thread may log while the process ends.
std::vector<std::string>& Captured() {
  static auto* const captured = new std::vector<std::string>;
  return *captured;
}

}  // namespace

Capture::Capture(Level level) : previous_level_(CurrentLevel()) {
  {
    std::lock_guard lock(g_mutex);
    Captured().clear();
  }
  SetLevel(level);
  SetLineSink([](const std::string& line) {
    std::lock_guard lock(g_mutex);
    Captured().push_back(line);
  });
}

Capture::~Capture() {
  SetLineSink(nullptr);
  SetLevel(previous_level_);
}

std::vector<std::string> Capture::lines() const {
  std::lock_guard lock(g_mutex);
  return Captured();
}

}  // namespace kabar::log
