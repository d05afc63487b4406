#include "libs/base/written_time.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/ascii.h"
#include "libs/base/text.h"

namespace kabar::base {
namespace {

// Longer than any time is written, so that a hostile text costs nothing.
constexpr std::size_t kMaxBytes = 64;
// %Y takes "26" as the year 26.
constexpr int kFirstYear = 2000;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// 22.11.2026 08.30 -> 22-11-2026 08:30: one form for all separators.
std::string OneForm(absl::string_view written) {
  std::string text = CollapseSpaces(written);
  const std::size_t blank = text.find_first_of(" T");
  const std::size_t date_end = blank == std::string::npos ? text.size() : blank;
  for (std::size_t i = 0; i < date_end; ++i) {
    if (text[i] == '/' || text[i] == '.') text[i] = '-';
  }
  int separators = 0;
  for (std::size_t i = date_end; i < text.size(); ++i) {
    if (text[i] == '.' && separators < 2 && i + 1 < text.size() && IsDigit(text[i + 1])) {
      text[i] = ':';
    }
    separators += text[i] == ':';
  }
  return text;
}

}  // namespace

std::optional<WrittenTime> ParseWrittenTime(absl::string_view written, absl::TimeZone zone) {
  if (written.size() > kMaxBytes) return std::nullopt;
  const std::string text = OneForm(written);
  // Abseil would take "infinite-future" for a time, whatever the format.
  if (text.empty() || !IsDigit(text[0])) return std::nullopt;
  const bool year_first = text.size() > 4 && std::all_of(text.begin(), text.begin() + 4, IsDigit);
  WrittenTime found{.time = absl::InfinitePast(), .has_clock = true};
  if (year_first) {
    for (const char* format : {absl::RFC3339_full, "%Y-%m-%d %H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S",
                               "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M"}) {
      if (absl::ParseTime(format, text, zone, &found.time, nullptr)) return found;
    }
  } else {
    for (const char* format : {"%d-%m-%Y %H:%M:%E*S", "%d-%m-%Y %H:%M"}) {
      if (!absl::ParseTime(format, text, zone, &found.time, nullptr)) continue;
      if (absl::ToCivilYear(found.time, zone).year() < kFirstYear) return std::nullopt;
      return found;
    }
  }
  found.has_clock = false;
  const char* const format = year_first ? "%Y-%m-%d" : "%d-%m-%Y";
  if (!absl::ParseTime(format, text, zone, &found.time, nullptr)) return std::nullopt;
  if (!year_first && absl::ToCivilYear(found.time, zone).year() < kFirstYear) return std::nullopt;
  return found;
}

}  // namespace kabar::base
