#include "services/contacts/xlsx_cells.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace kabar::contacts {
namespace {

// What a spreadsheet keeps of a whole number.
constexpr double kExact = 1e15;
constexpr int64_t kSecondsOfDay = 86'400;
constexpr double kMaxDay = 2'958'466;  // the year 10000
constexpr int kMaxColumns = 16'384;

}  // namespace

NumberStyle StyleOfBuiltIn(int format_id) {
  if (format_id == 22) return NumberStyle::kDayAndTime;
  if ((format_id >= 18 && format_id <= 21) || (format_id >= 45 && format_id <= 47) ||
      (format_id >= 32 && format_id <= 35)) {
    return NumberStyle::kTime;
  }
  if ((format_id >= 14 && format_id <= 17) || (format_id >= 27 && format_id <= 31) ||
      format_id == 36 || (format_id >= 50 && format_id <= 58)) {
    return NumberStyle::kDay;
  }
  return NumberStyle::kNumber;
}

// What stands in quotes, behind a backslash or in brackets (colours, zones) is no part of it; of
// several sections the first counts.
NumberStyle StyleOfCode(absl::string_view format_code) {
  bool day = false;
  bool time = false;
  bool month_or_minute = false;
  for (std::size_t i = 0; i < format_code.size() && format_code[i] != ';'; ++i) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(format_code[i]));
    if (c == '\\' || c == '_' || c == '*') {
      ++i;
    } else if (c == '"' || c == '[') {
      const std::size_t end = format_code.find(c == '"' ? '"' : ']', i + 1);
      if (end == absl::string_view::npos) break;
      const absl::string_view inside = format_code.substr(i + 1, end - i - 1);
      // [h]:mm is a length of time, not a time of day.
      if (c == '[' &&
          (absl::EqualsIgnoreCase(inside, "h") || absl::EqualsIgnoreCase(inside, "hh") ||
           absl::EqualsIgnoreCase(inside, "m") || absl::EqualsIgnoreCase(inside, "mm") ||
           absl::EqualsIgnoreCase(inside, "s"))) {
        return NumberStyle::kNumber;
      }
      i = end;
    } else if (absl::StartsWithIgnoreCase(format_code.substr(i), "general")) {
      return NumberStyle::kNumber;
    } else {
      day = day || c == 'd' || c == 'y';
      time = time || c == 'h' || c == 's';
      month_or_minute = month_or_minute || c == 'm';
    }
  }
  if (day && time) return NumberStyle::kDayAndTime;
  if (time) return NumberStyle::kTime;
  return day || month_or_minute ? NumberStyle::kDay : NumberStyle::kNumber;
}

std::string NumberText(absl::string_view raw) {
  double value = 0;
  if (!absl::SimpleAtod(raw, &value) || !std::isfinite(value)) return std::string(raw);
  if (std::trunc(value) == value && std::abs(value) < kExact) {
    return absl::StrFormat("%d", static_cast<int64_t>(value));
  }
  return absl::StrFormat("%.15g", value);
}

std::string TimeText(absl::string_view raw, NumberStyle style, bool from_1904) {
  double days = 0;
  if (!absl::SimpleAtod(raw, &days) || !(days >= 0) || days >= kMaxDay) return NumberText(raw);
  auto day = static_cast<int64_t>(std::floor(days));
  int64_t second = std::llround((days - std::floor(days)) * kSecondsOfDay);
  if (second == kSecondsOfDay) {
    second = 0;
    ++day;
  }
  std::string clock = absl::StrFormat("%02d:%02d", second / 3600, second / 60 % 60);
  if (second % 60 != 0) absl::StrAppendFormat(&clock, ":%02d", second % 60);
  if (style == NumberStyle::kTime && day == 0) return clock;
  if (day == 0) return NumberText(raw);
  // The count from 1900 holds a 29 February 1900 that never was.
  const absl::CivilDay base = from_1904  ? absl::CivilDay(1904, 1, 1)
                              : day < 60 ? absl::CivilDay(1899, 12, 31)
                                         : absl::CivilDay(1899, 12, 30);
  const absl::CivilDay date = base + day;
  const std::string written =
      absl::StrFormat("%02d/%02d/%04d", date.day(), date.month(), date.year());
  return style == NumberStyle::kDay ? written : absl::StrCat(written, " ", clock);
}

int ColumnOfReference(absl::string_view reference) {
  int column = 0;
  std::size_t i = 0;
  for (; i < reference.size() && absl::ascii_isupper(static_cast<unsigned char>(reference[i]));
       ++i) {
    column = column * 26 + (reference[i] - 'A' + 1);
    if (column > kMaxColumns) return -1;
  }
  return i == 0 || i == reference.size() ? -1 : column - 1;
}

std::string UnescapeText(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    uint32_t code = 0;
    if (text[i] == '_' && i + 7 <= text.size() && text[i + 1] == 'x' && text[i + 6] == '_' &&
        absl::SimpleHexAtoi(text.substr(i + 2, 4), &code) && code < 0x80) {
      if (code != '\r') out.push_back(static_cast<char>(code));
      i += 6;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace kabar::contacts
