#include "libs/template_lang/date_pattern.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace kabar::template_lang {
namespace {

constexpr const char* kMonths[] = {"Januari",   "Februari", "Maret",    "April",
                                   "Mei",       "Juni",     "Juli",     "Agustus",
                                   "September", "Oktober",  "November", "Desember"};
constexpr const char* kShortMonths[] = {"Jan", "Feb", "Mar", "Apr", "Mei", "Jun",
                                        "Jul", "Agu", "Sep", "Okt", "Nov", "Des"};
constexpr const char* kDays[] = {"Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"};
constexpr const char* kShortDays[] = {"Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min"};

// A run of one letter (its length in `count`), or a text that is copied (`letter` is 0).
struct Part {
  char letter = 0;
  size_t count = 0;
  absl::string_view text = {};
};

// Cuts the next part off. A text in '...' is copied without the quotes, '' is one quote; a quote
// that is never closed gives a part of the letter '\''.
Part NextPart(absl::string_view* pattern) {
  const char first = pattern->front();
  size_t length = 1;
  if (absl::ascii_isalpha(static_cast<unsigned char>(first))) {
    while (length < pattern->size() && (*pattern)[length] == first) ++length;
    pattern->remove_prefix(length);
    return {first, length, {}};
  }
  absl::string_view text = pattern->substr(0, 1);
  if (first == '\'') {
    const size_t end = pattern->find('\'', 1);
    if (end == absl::string_view::npos) {
      pattern->remove_prefix(pattern->size());
      return {'\'', 1, {}};
    }
    text = end == 1 ? text : pattern->substr(1, end - 1);
    length = end + 1;
  }
  pattern->remove_prefix(length);
  return {0, 0, text};
}

bool IsKnown(const Part& part) {
  switch (part.letter) {
    case 0:
      return true;
    case 'd':
    case 'H':
    case 'm':
    case 's':
      return part.count <= 2;
    case 'M':
    case 'E':
      return part.count <= 4;
    case 'y':
      return part.count == 2 || part.count == 4;
    default:
      return false;
  }
}

void AppendNumber(int64_t number, size_t digits, std::string* out) {
  const std::string text = absl::StrCat(number);
  if (text.size() < digits) out->append(digits - text.size(), '0');
  out->append(text);
}

void AppendPart(absl::CivilSecond time, const Part& part, std::string* out) {
  const auto weekday = static_cast<size_t>(absl::GetWeekday(time));  // from Monday
  const auto month = static_cast<size_t>(time.month() - 1);
  switch (part.letter) {
    case 0:
      out->append(part.text.data(), part.text.size());
      return;
    case 'd':
      return AppendNumber(time.day(), part.count, out);
    case 'M':
      if (part.count <= 2) return AppendNumber(time.month(), part.count, out);
      out->append(part.count == 3 ? kShortMonths[month] : kMonths[month]);
      return;
    case 'y':
      return part.count == 2 ? AppendNumber(time.year() % 100, 2, out)
                             : AppendNumber(time.year(), 4, out);
    case 'E':
      out->append(part.count <= 3 ? kShortDays[weekday] : kDays[weekday]);
      return;
    case 'H':
      return AppendNumber(time.hour(), part.count, out);
    case 'm':
      return AppendNumber(time.minute(), part.count, out);
    case 's':
      return AppendNumber(time.second(), part.count, out);
    default:
      return;
  }
}

}  // namespace

std::string DatePatternFault(absl::string_view pattern) {
  if (absl::StripAsciiWhitespace(pattern).empty()) {
    return "the pattern of a date is empty: write one such as \"d MMMM yyyy\"";
  }
  while (!pattern.empty()) {
    const Part part = NextPart(&pattern);
    if (part.letter == '\'') {
      return "a ' in the pattern of a date is never closed: add ', or write '' for one that is "
             "sent";
    }
    if (IsKnown(part)) continue;
    return absl::StrCat(
        "\"", std::string(part.count, part.letter),
        "\" means nothing in the pattern of a date: d dd, M MM MMM MMMM, yy yyyy, E "
        "EEEE, H HH, m mm, s ss do; words stand in '...'");
  }
  return "";
}

bool DatePatternHasClock(absl::string_view pattern) {
  while (!pattern.empty()) {
    const Part part = NextPart(&pattern);
    if (part.letter == 'H' || part.letter == 'm' || part.letter == 's') return true;
  }
  return false;
}

void AppendDate(absl::CivilSecond time, absl::string_view pattern, std::string* out) {
  while (!pattern.empty()) AppendPart(time, NextPart(&pattern), out);
}

}  // namespace kabar::template_lang
