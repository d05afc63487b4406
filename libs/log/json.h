// JSON text, written straight into a string: the few forms that a log line needs.
//
// Thread safety: free functions. Blocks: no. Errors: none; bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::log {

// With the quotes.
void AppendJsonString(absl::string_view text, std::string& out);

// JSON knows neither infinity nor NaN: they become null.
void AppendJsonNumber(double number, std::string& out);

}  // namespace kabar::log
