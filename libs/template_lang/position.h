// Byte offsets to lines and columns; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_POSITION_H_
#define KABAR_LIBS_TEMPLATE_LANG_POSITION_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {

// Walks forward with the compiler, so that asking for every variable of a long line stays linear.
class PositionFinder {
 public:
  explicit PositionFinder(absl::string_view source) : source_(source) {}
  Position At(size_t offset);

 private:
  absl::string_view source_;
  size_t offset_ = 0;
  Position position_;
};

// Where `text` stops being valid UTF-8 without NUL; nullopt if it never does.
std::optional<size_t> FirstInvalidByte(absl::string_view text);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_POSITION_H_
