// A place in a filter's text, as every error of this library names it.
//
// Thread safety: values. Nothing blocks, nothing fails.
#ifndef KABAR_LIBS_FILTER_LANG_POSITION_H_
#define KABAR_LIBS_FILTER_LANG_POSITION_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::filter_lang {

struct Position {
  std::size_t offset = 0;  // bytes from the start, from 0: for programs that slice the text
  int line = 1;
  int column = 1;  // characters, not bytes: what an editor shows

  bool operator==(const Position&) const = default;
};

// Where the byte `offset` of `text` stands.
Position PositionAt(absl::string_view text, std::size_t offset);

// INVALID_ARGUMENT, reason INVALID_FILTER: "line 1, column 27: <what>". The metadata `offset`,
// `line` and `column` say the same to programs.
absl::Status FilterError(const Position& position, absl::string_view what);

// The position in a FilterError; nullopt for any other status.
std::optional<Position> ErrorPosition(const absl::Status& status);

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_POSITION_H_
