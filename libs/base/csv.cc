#include "libs/base/csv.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace kabar::base {
namespace {

// Apostrophes, perhaps none, and then what makes a formula.
bool LooksLikeFormula(absl::string_view text) {
  const std::size_t first = text.find_first_not_of('\'');
  return first != absl::string_view::npos &&
         absl::string_view("=+-@\t\r").find(text[first]) != absl::string_view::npos;
}

}  // namespace

std::string CsvLine(const std::vector<std::string>& fields, char delimiter) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out.push_back(delimiter);
    const std::string& field = fields[i];
    const bool plain = field.find_first_of("\"\r\n") == std::string::npos &&
                       field.find(delimiter) == std::string::npos &&
                       (field.empty() || (field.front() != ' ' && field.back() != ' '));
    if (plain) {
      out += field;
      continue;
    }
    out.push_back('"');
    for (const char c : field) {
      if (c == '"') out.push_back('"');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('\n');
  return out;
}

std::string GuardFormula(absl::string_view text) {
  return LooksLikeFormula(text) ? absl::StrCat("'", text) : std::string(text);
}

absl::string_view UnguardFormula(absl::string_view cell) {
  if (!cell.empty() && cell[0] == '\'' && LooksLikeFormula(cell)) cell.remove_prefix(1);
  return cell;
}

}  // namespace kabar::base
