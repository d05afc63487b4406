#include "libs/template_lang/position.h"

#include <cstdint>

#include "libs/template_lang/program.h"

namespace kabar::template_lang {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the character at `text[0]`, 0 if it is none (overlong forms and surrogates included).
size_t CharacterLength(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

Position PositionFinder::At(size_t offset) {
  if (offset < offset_) {
    offset_ = 0;
    position_ = Position();
  }
  for (; offset_ < offset && offset_ < source_.size(); ++offset_) {
    if (source_[offset_] == '\n') {
      ++position_.line;
      position_.column = 1;
    } else if (!IsContinuation(source_[offset_])) {
      ++position_.column;
    }
  }
  return position_;
}

std::optional<size_t> FirstInvalidByte(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = CharacterLength(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

size_t CountCharacters(absl::string_view text) {
  size_t count = 0;
  for (const char c : text) count += IsContinuation(c) ? 0 : 1;
  return count;
}

}  // namespace kabar::template_lang
