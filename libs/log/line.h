// How one log line is put together, apart from where it goes.
//
// Thread safety: free functions. Blocks: no. Errors: none.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/log/log.h"

namespace kabar::log {

// A field of a scope, rendered once.
struct ScopeField {
  std::string key;
  std::string json;
};

// The value as JSON, redacted if the key demands it.
std::string RenderValue(const Field& field);

std::string RenderLine(absl::Time time, Level level, absl::string_view service,
                       absl::string_view message, const std::vector<ScopeField>& scope,
                       const Field* fields, std::size_t count);

// Where lines go; empty restores stderr. Used by Capture.
using LineSink = void (*)(const std::string& line);
void SetLineSink(LineSink sink);

Level CurrentLevel();

}  // namespace kabar::log
