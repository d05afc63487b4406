#include "services/campaigns/rate_card.h"

#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::campaigns {
namespace {

constexpr char kHeader[] = "valid_from,country,category,rupiah";
constexpr std::int64_t kMaxRupiah = 1'000'000;

absl::Status Wrong(int line, absl::string_view what) {
  return base::Error(absl::StatusCode::kInvalidArgument, "RATE_CARD",
                     absl::StrCat("rate card, line ", line, ": ", what));
}

bool IsCategory(absl::string_view name) {
  return name == "MARKETING" || name == "UTILITY" || name == "AUTHENTICATION" ||
         name == kServiceCategory;
}

bool IsCountry(absl::string_view code) {
  return code == "*" ||
         (code.size() == 2 && absl::ascii_isupper(code[0]) && absl::ascii_isupper(code[1]));
}

// "356.65" -> 35665: digits, and at most two behind a point.
std::optional<std::int64_t> Hundredths(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() > 2 || parts[0].empty()) return std::nullopt;
  std::string digits(parts[0]);
  const absl::string_view behind = parts.size() == 2 ? parts[1] : "00";
  if (behind.empty() || behind.size() > 2) return std::nullopt;
  absl::StrAppend(&digits, behind, behind.size() == 1 ? "0" : "");
  for (const char c : digits) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  std::int64_t amount = 0;
  if (!absl::SimpleAtoi(digits, &amount) || amount > kMaxRupiah * 100) return std::nullopt;
  return amount;
}

}  // namespace

absl::StatusOr<RateCard> RateCard::Parse(absl::string_view text) {
  RateCard card;
  int number = 0;
  bool header = false;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = base::Trim(raw);
    if (line.empty() || line[0] == '#') continue;
    if (!header) {
      if (line != kHeader) return Wrong(number, absl::StrCat("the header must be ", kHeader));
      header = true;
      continue;
    }
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    if (cells.size() != 4) return Wrong(number, "there must be four values");
    absl::CivilDay day;
    if (cells[0].size() != 10 || !absl::ParseCivilTime(cells[0], &day)) {
      return Wrong(number, "valid_from must be a date such as 2026-10-01");
    }
    if (!IsCountry(cells[1])) return Wrong(number, "country must be two capitals, or *");
    if (!IsCategory(cells[2])) {
      return Wrong(number, "category must be MARKETING, UTILITY, AUTHENTICATION or SERVICE");
    }
    const auto price = Hundredths(cells[3]);
    if (!price) return Wrong(number, "rupiah must be an amount such as 356.65");
    if (!card.prices_[{cells[1], cells[2]}].emplace(day, *price).second) {
      return Wrong(number, "a second price of the same day, country and category");
    }
  }
  if (!header) return Wrong(number, absl::StrCat("it is empty; its header is ", kHeader));
  return card;
}

absl::StatusOr<RateCard> RateCard::Open(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return base::Error(absl::StatusCode::kNotFound, "RATE_CARD",
                       absl::StrCat("the rate card ", path, " cannot be read"));
  }
  return Parse(std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

std::optional<std::int64_t> RateCard::PriceOf(const std::string& country,
                                              const std::string& category,
                                              absl::CivilDay day) const {
  for (const std::string& where : {country, std::string("*")}) {
    const auto found = prices_.find({where, category});
    if (found == prices_.end()) continue;
    const auto after = found->second.upper_bound(day);
    if (after != found->second.begin()) return std::prev(after)->second;
  }
  return std::nullopt;
}

}  // namespace kabar::campaigns
