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
#include "libs/base/rupiah.h"
#include "libs/base/text.h"
#include "libs/base/written_time.h"

namespace kabar::contacts {
namespace {

std::string Lower(absl::string_view cell) {
  return absl::AsciiStrToLower(base::CollapseSpaces(cell));
}

}  // namespace

std::optional<int64_t> ParseRupiah(absl::string_view cell, std::string* hint) {
  *hint = "is no amount in rupiah; write 150000 or Rp 150.000";
  const std::string text = Lower(cell);
  if (text == "-" || text == "non cod" || text == "non-cod" || text == "noncod") return 0;
  return base::ParseRupiah(text);
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
  const std::optional<base::WrittenTime> found = base::ParseWrittenTime(cell, zone);
  if (!found.has_value()) return std::nullopt;
  return found->time;
}

}  // namespace kabar::contacts
