// Writing JSON by hand where a document tree would cost more than the request itself.
//
// Thread-safe (no state), never blocks, no errors: bytes that are not UTF-8 come out as U+FFFD.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

enum class Unicode {
  kKeep,    // UTF-8 as it is
  kEscape,  // every code point above U+007F as \uXXXX, as Meta writes (and signs) its webhooks
};

// Appends `text` in double quotes.
void AppendJsonString(absl::string_view text, std::string* out, Unicode unicode = Unicode::kKeep);

// Appends `"name":"text"`; `name` needs no escaping.
void AppendJsonField(absl::string_view name, absl::string_view text, std::string* out,
                     Unicode unicode = Unicode::kKeep);

void AppendInt(int64_t value, std::string* out);

// Number of code points; a broken byte counts as one.
size_t CountCodePoints(absl::string_view text);

}  // namespace kabar::cloudsim
