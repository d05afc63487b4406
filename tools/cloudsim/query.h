// Query strings: decoding and looking names up.
//
// Thread-safe (no state), never blocks. Errors: a number that is none reads as the default.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

// The decoded value of the first parameter with this name; `otherwise` when absent.
std::string QueryText(absl::string_view query, absl::string_view name,
                      absl::string_view otherwise = "");
int64_t QueryInt(absl::string_view query, absl::string_view name, int64_t otherwise);

}  // namespace kabar::cloudsim
