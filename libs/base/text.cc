#include "libs/base/text.h"

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::base {
namespace {

std::uint8_t ByteAt(absl::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

bool IsContinuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Length of the well-formed code point at `at`; 0 if there is none. The second byte's range rules
// out overlong forms, surrogates and what lies past U+10FFFF (Unicode, table 3-7).
std::size_t CodepointLength(absl::string_view text, std::size_t at) {
  std::uint8_t lead = ByteAt(text, at);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() - at < length) return 0;
  std::uint8_t second = ByteAt(text, at + 1);
  if (second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!IsContinuation(ByteAt(text, at + i))) return 0;
  }
  return length;
}

// How many bytes from `at` on are ASCII, eight at a time: most texts are nothing else.
std::size_t AsciiRun(absl::string_view text, std::size_t at) {
  const std::size_t begin = at;
  for (std::uint64_t eight; text.size() - at >= sizeof(eight); at += sizeof(eight)) {
    std::memcpy(&eight, text.data() + at, sizeof(eight));
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && ByteAt(text, at) < 0x80) ++at;
  return at - begin;
}

constexpr absl::string_view kWideSpaces[] = {
    "\u00a0",  // no-break space
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005",
    "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",  // en quad to hair space
    "\u200b",                                          // zero-width space
    "\u202f",                                          // narrow no-break space
    "\u205f",                                          // mathematical space
    "\u3000",                                          // ideographic space
    "\ufeff",                                          // byte order mark
};

// Length of the white space that starts at `at`; 0 if none does.
std::size_t SpaceLength(absl::string_view text, std::size_t at) {
  char c = text[at];
  if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
  if (static_cast<unsigned char>(c) < 0x80) return 0;
  absl::string_view rest = text.substr(at);
  for (absl::string_view space : kWideSpaces) {
    if (rest.substr(0, space.size()) == space) return space.size();
  }
  return 0;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t FirstInvalidUtf8(absl::string_view text) {
  std::size_t at = AsciiRun(text, 0);
  while (at < text.size()) {
    std::size_t length = CodepointLength(text, at);
    if (length == 0) return at;
    at += length;
    at += AsciiRun(text, at);
  }
  return absl::string_view::npos;
}

bool IsValidUtf8(absl::string_view text) {
  return FirstInvalidUtf8(text) == absl::string_view::npos;
}

std::size_t CountCodepoints(absl::string_view text) {
  std::size_t at = AsciiRun(text, 0);
  std::size_t count = at;
  while (at < text.size()) {
    std::size_t length = CodepointLength(text, at);
    at += length == 0 ? 1 : length;
    const std::size_t ascii = AsciiRun(text, at);
    at += ascii;
    count += ascii + 1;
  }
  return count;
}

absl::string_view TruncateCodepoints(absl::string_view text, std::size_t max_codepoints) {
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size() && count < max_codepoints; ++count) {
    std::size_t length = CodepointLength(text, at);
    at += length == 0 ? 1 : length;
  }
  return text.substr(0, at);
}

absl::string_view Trim(absl::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t length = SpaceLength(text, begin);
    if (length == 0) break;
    begin += length;
  }
  std::size_t end = text.size();
  while (end > begin && ByteAt(text, end - 1) < 0x80 && SpaceLength(text, end - 1) == 1) --end;
  if (end == begin || ByteAt(text, end - 1) < 0x80) return text.substr(begin, end - begin);
  // Perhaps a wide one: forward once more, white space is recognised by its first byte.
  end = begin;
  for (std::size_t at = begin; at < text.size();) {
    std::size_t length = SpaceLength(text, at);
    at += length == 0 ? 1 : length;
    if (length == 0) end = at;
  }
  return text.substr(begin, end - begin);
}

std::string CollapseSpaces(absl::string_view text) {
  text = Trim(text);
  std::string collapsed;
  collapsed.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = SpaceLength(text, at);
    if (length == 0) {
      collapsed.push_back(text[at++]);
      continue;
    }
    if (collapsed.back() != ' ') collapsed.push_back(' ');
    at += length;
  }
  return collapsed;
}

std::string HexEncode(absl::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<std::uint8_t>(c);
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

absl::StatusOr<std::string> HexDecode(absl::string_view hex) {
  if (hex.size() % 2 != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_HEX",
                 absl::StrCat("an odd number of hex digits (", hex.size(), "); two make a byte"));
  }
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    int high = HexDigit(hex[at]);
    int low = HexDigit(hex[at + 1]);
    if (high < 0 || low < 0) {
      return Error(
          absl::StatusCode::kInvalidArgument, "INVALID_HEX",
          absl::StrCat("no hex digit at ", at + (high < 0 ? 1 : 2), "; expected 0-9, a-f or A-F"));
    }
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

}  // namespace kabar::base
