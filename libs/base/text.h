// UTF-8 text at the door: validity, length as WhatsApp counts it, trimming, hex.
//
// Thread safety: free functions. Blocks: no. Errors: HexDecode answers INVALID_ARGUMENT
// (INVALID_HEX).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::base {

// Well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF.
bool IsValidUtf8(absl::string_view text);

// The offset of the first byte that is not well-formed; npos if all are.
std::size_t FirstInvalidUtf8(absl::string_view text);

// Number of code points; the text must be valid (each stray byte counts as one).
std::size_t CountCodepoints(absl::string_view text);

// At most `max_codepoints` from the front, never cutting a code point.
absl::string_view TruncateCodepoints(absl::string_view text, std::size_t max_codepoints);

// Without white space at both ends: ASCII, and those that spreadsheets and chats put in (no-break,
// en/em and ideographic spaces, zero-width space, byte order mark).
absl::string_view Trim(absl::string_view text);

// Trimmed, and every run of white space inside made one space.
std::string CollapseSpaces(absl::string_view text);

// Lowercase, two digits a byte.
std::string HexEncode(absl::string_view bytes);
absl::StatusOr<std::string> HexDecode(absl::string_view hex);

}  // namespace kabar::base
