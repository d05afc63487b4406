#include "libs/base/rupiah.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/text.h"

namespace kabar::base {
namespace {

// Longer than any amount that fits, so that a hostile text costs nothing.
constexpr std::size_t kMaxBytes = 64;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

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

std::optional<std::int64_t> ParseRupiah(absl::string_view text) {
  if (text.size() > kMaxBytes) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(CollapseSpaces(text));
  text = lower;
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
  std::int64_t amount = 0;
  if (!absl::SimpleAtoi(digits, &amount) || amount > kMaxRupiah) return std::nullopt;
  return amount;
}

void AppendRupiah(std::int64_t amount, std::string* out) {
  const std::string digits = absl::StrCat(amount);
  out->append("Rp");
  const std::size_t first_group = digits.size() % 3;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i % 3 == first_group) out->push_back('.');
    out->push_back(digits[i]);
  }
}

}  // namespace kabar::base
