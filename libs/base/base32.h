// Base32 of the first bits of some bytes. For ids only: it never needs to be decoded.
//
// Thread safety: free functions. Blocks: no. Errors: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace kabar::base {

inline constexpr char kBase32Alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

// `length` characters from the front; `bytes` must hold length * 5 bits.
inline std::string EncodeBase32(absl::Span<const std::uint8_t> bytes, std::size_t length) {
  std::string encoded;
  encoded.reserve(length);
  std::uint32_t bits = 0;
  int available = 0;
  std::size_t next = 0;
  while (encoded.size() < length) {
    if (available < 5) {
      bits = (bits << 8) | bytes[next++];
      available += 8;
    }
    available -= 5;
    encoded.push_back(kBase32Alphabet[(bits >> available) & 31]);
  }
  return encoded;
}

}  // namespace kabar::base
