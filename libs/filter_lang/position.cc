#include "libs/filter_lang/position.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::filter_lang {

Position PositionAt(absl::string_view text, std::size_t offset) {
  Position position;
  position.offset = std::min(offset, text.size());
  for (const char c : text.substr(0, position.offset)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {  // not inside a character
      ++position.column;
    }
  }
  return position;
}

absl::Status FilterError(const Position& position, absl::string_view what) {
  absl::Status status =
      base::Error(absl::StatusCode::kInvalidArgument, "INVALID_FILTER",
                  absl::StrCat("line ", position.line, ", column ", position.column, ": ", what));
  status = base::WithMeta(std::move(status), "offset", absl::StrCat(position.offset));
  status = base::WithMeta(std::move(status), "line", absl::StrCat(position.line));
  return base::WithMeta(std::move(status), "column", absl::StrCat(position.column));
}

std::optional<Position> ErrorPosition(const absl::Status& status) {
  Position position;
  if (base::GetReason(status) != "INVALID_FILTER" ||
      !absl::SimpleAtoi(base::GetMeta(status, "offset"), &position.offset) ||
      !absl::SimpleAtoi(base::GetMeta(status, "line"), &position.line) ||
      !absl::SimpleAtoi(base::GetMeta(status, "column"), &position.column)) {
    return std::nullopt;
  }
  return position;
}

}  // namespace kabar::filter_lang
