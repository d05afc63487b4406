#include "services/contacts/cell_values.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

constexpr int64_t kMaxRupiah = 1'000'000'000'000;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

std::string Lower(absl::string_view cell) {
  return absl::AsciiStrToLower(base::CollapseSpaces(cell));
}

// "1.250.000" -> "1250000"; false if the groups are not of three.
bool DropGroups(absl::string_view text, char separator, std::string* digits) {
  digits->clear();
  std::size_t group = 0;
  bool first = true;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && IsDigit(text[i])) {
      digits->push_back(text[i]);
      ++group;
      continue;
    }
    if (i < text.size() && text[i] != separator) return false;
    if (first ? (group < 1 || (i < text.size() && group > 3)) : group != 3) return false;
    first = false;
    group = 0;
  }
  return true;
}

}  // namespace

std::optional<int64_t> ParseRupiah(absl::string_view cell, std::string* hint) {
  *hint = "is no amount in rupiah; write 150000 or Rp 150.000";
  const std::string lower = Lower(cell);
  absl::string_view text = lower;
  if (text == "-" || text == "non cod" || text == "non-cod" || text == "noncod") return 0;
  for (const absl::string_view prefix : {"rp.", "rp", "idr"}) {
    if (absl::ConsumePrefix(&text, prefix)) break;
  }
  for (const absl::string_view suffix : {",-", ".-", "idr"}) {
    if (absl::ConsumeSuffix(&text, suffix)) break;
  }
  text = absl::StripAsciiWhitespace(text);
  // One or two digits behind the last separator are sen: nobody has them, exports print zeros.
  const std::size_t last = text.find_last_of(".,");
  if (last != absl::string_view::npos && text.size() - last <= 3) {
    const absl::string_view sen = text.substr(last + 1);
    if (sen.empty() || sen.find_first_not_of('0') != absl::string_view::npos) return std::nullopt;
    text = text.substr(0, last);
  }
  std::string digits;
  if (!DropGroups(text, '.', &digits) && !DropGroups(text, ',', &digits)) return std::nullopt;
  int64_t amount = 0;
  if (!absl::SimpleAtoi(digits, &amount) || amount > kMaxRupiah) return std::nullopt;
  return amount;
}

std::optional<bool> ParseYesNo(absl::string_view cell, std::string* hint) {
  static constexpr std::array<absl::string_view, 14> kYes = {
      "ya",  "y",     "yes",  "true",  "1",           "benar",         "betul",
      "vip", "lunas", "paid", "sudah", "sudah lunas", "sudah dibayar", "x"};
  static constexpr std::array<absl::string_view, 17> kNo = {
      "tidak",       "tdk",     "n",       "no",          "false",         "0",
      "bukan",       "salah",   "belum",   "belum lunas", "belum dibayar", "unpaid",
      "tidak lunas", "reguler", "regular", "-",           "non vip"};
  hint->clear();
  const std::string text = Lower(cell);
  if (std::find(kYes.begin(), kYes.end(), text) != kYes.end()) return true;
  if (std::find(kNo.begin(), kNo.end(), text) != kNo.end()) return false;
  *hint = "is neither yes nor no; write ya or tidak";
  return std::nullopt;
}

std::optional<absl::Time> ParseCellTime(absl::string_view cell, absl::TimeZone zone,
                                        std::string* hint) {
  *hint = "is no time; write 2026-11-22 08:30 or 22/11/2026 08:30";
  std::string text = base::CollapseSpaces(cell);
  // 22.11.2026 and 08.30 -> one form: dates with '-', times with ':'.
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
  if (date_end > 4 && AllDigits(absl::string_view(text).substr(0, 4))) {
    for (const char* format :
         {absl::RFC3339_full, "%Y-%m-%d %H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%dT%H:%M",
          "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
      absl::Time time;
      if (absl::ParseTime(format, text, zone, &time, nullptr)) return time;
    }
    return std::nullopt;
  }
  for (const char* format : {"%d-%m-%Y %H:%M:%E*S", "%d-%m-%Y %H:%M", "%d-%m-%Y"}) {
    absl::Time time;
    if (!absl::ParseTime(format, text, zone, &time, nullptr)) continue;
    // %Y takes "26" as the year 26.
    if (absl::ToCivilYear(time, zone).year() < 2000) return std::nullopt;
    return time;
  }
  return std::nullopt;
}

}  // namespace kabar::contacts
