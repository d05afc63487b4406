#include "libs/template_lang/filters.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "libs/base/rupiah.h"
#include "libs/base/written_time.h"
#include "libs/template_lang/date_pattern.h"

namespace kabar::template_lang {
namespace {

struct NamedFilter {
  const char* name;
  FilterKind kind;
};

constexpr NamedFilter kFilters[] = {
    {"default", FilterKind::kDefault}, {"date", FilterKind::kDate},
    {"rupiah", FilterKind::kRupiah},   {"title", FilterKind::kTitle},
    {"upper", FilterKind::kUpper},     {"lower", FilterKind::kLower},
};

// The letters with accents that names bring along, U+00C0 to U+00FE, are two bytes of which the
// first is this one; large and small ones lie 0x20 apart. Nothing else has two cases for us.
constexpr unsigned char kLatinLead = 0xC3;
bool IsLatinUpper(unsigned char second) {
  return second >= 0x80 && second <= 0x9E && second != 0x97;
}
bool IsLatinLower(unsigned char second) {
  return second >= 0xA0 && second <= 0xBE && second != 0xB7;
}

// Walks over the letters of a text; `upper` says of each, by whether a word begins with it, what it
// becomes.
template <typename Upper>
void ChangeCase(absl::string_view value, Upper upper, std::string* out) {
  out->assign(value.data(), value.size());
  bool in_word = false;
  for (size_t i = 0; i < out->size(); ++i) {
    const auto byte = static_cast<unsigned char>((*out)[i]);
    if (byte == kLatinLead && i + 1 < out->size()) {
      const auto second = static_cast<unsigned char>((*out)[++i]);
      if (upper(in_word) && IsLatinLower(second)) (*out)[i] = static_cast<char>(second - 0x20);
      if (!upper(in_word) && IsLatinUpper(second)) (*out)[i] = static_cast<char>(second + 0x20);
      in_word = true;
      continue;
    }
    (*out)[i] =
        static_cast<char>(upper(in_word) ? absl::ascii_toupper(byte) : absl::ascii_tolower(byte));
    // Ma'ruf, B2B: an apostrophe and a digit end no word. Other bytes are parts of letters.
    in_word = absl::ascii_isalnum(byte) || byte >= 0x80 || (in_word && byte == '\'');
  }
}

// The legal forms in front of companies' names stay as they are written: PT Maju Jaya.
void RaiseLegalForms(std::string* text) {
  const auto in_word = [&](size_t i) {
    const auto byte = static_cast<unsigned char>((*text)[i]);
    return absl::ascii_isalnum(byte) || byte >= 0x80 || byte == '\'';
  };
  for (size_t start = 0; start < text->size();) {
    size_t end = start;
    while (end < text->size() && in_word(end)) ++end;
    const absl::string_view word = absl::string_view(*text).substr(start, end - start);
    if (word == "Pt" || word == "Cv" || word == "Ud") {
      (*text)[start + 1] = absl::ascii_toupper(static_cast<unsigned char>((*text)[start + 1]));
    }
    start = end + 1;
  }
}

bool Date(absl::string_view pattern, absl::string_view value, absl::TimeZone zone,
          std::string* out) {
  const std::optional<base::WrittenTime> found = base::ParseWrittenTime(value, zone);
  // Midnight must not be made up for a day without a time.
  if (!found.has_value() || (!found->has_clock && DatePatternHasClock(pattern))) return false;
  out->clear();
  AppendDate(absl::ToCivilSecond(found->time, zone), pattern, out);
  return true;
}

bool Rupiah(absl::string_view value, std::string* out) {
  const std::optional<int64_t> amount = base::ParseRupiah(value);
  if (!amount.has_value()) return false;
  out->clear();
  base::AppendRupiah(*amount, out);
  return true;
}

}  // namespace

bool HasDefault(const Pipe& pipe) {
  return std::any_of(pipe.begin(), pipe.end(),
                     [](const Filter& one) { return one.kind == FilterKind::kDefault; });
}

std::optional<FilterKind> FilterOfName(absl::string_view name) {
  for (const NamedFilter& filter : kFilters) {
    if (absl::EqualsIgnoreCase(filter.name, name)) return filter.kind;
  }
  return std::nullopt;
}

bool ApplyFilter(FilterKind kind, absl::string_view text, absl::string_view value,
                 absl::TimeZone zone, std::string* out) {
  switch (kind) {
    case FilterKind::kDefault:
      return false;
    case FilterKind::kDate:
      return Date(text, value, zone, out);
    case FilterKind::kRupiah:
      return Rupiah(value, out);
    case FilterKind::kTitle:
      ChangeCase(
          value, [](bool in_word) { return !in_word; }, out);
      RaiseLegalForms(out);
      return true;
    case FilterKind::kUpper:
      ChangeCase(
          value, [](bool) { return true; }, out);
      return true;
    case FilterKind::kLower:
      ChangeCase(
          value, [](bool) { return false; }, out);
      return true;
  }
  return false;
}

}  // namespace kabar::template_lang
