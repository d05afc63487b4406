#include "services/contacts/attribute_type.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/contacts/cell_values.h"

namespace kabar::contacts {
namespace {

struct KindName {
  AttributeKind kind;
  absl::string_view name;
};
constexpr KindName kNames[] = {{AttributeKind::kText, "TEXT"},
                               {AttributeKind::kNumber, "NUMBER"},
                               {AttributeKind::kDate, "DATE"},
                               {AttributeKind::kBoolean, "BOOLEAN"}};

std::size_t Digits(absl::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[n]))) ++n;
  return n;
}

// Comma or point before the decimals. Three digits behind one separator may be thousands: which is
// meant nobody can tell.
std::optional<std::string> StoredNumber(absl::string_view written, std::string* hint) {
  *hint = "is no number; write 1500 or 12,5, without separators of thousands";
  absl::string_view rest = base::Trim(written);
  std::string out;
  if (!rest.empty() && rest[0] == '-') {
    out = "-";
    rest.remove_prefix(1);
  }
  const std::size_t whole = Digits(rest);
  if (whole == 0) return std::nullopt;
  absl::string_view before = rest.substr(0, whole);
  while (before.size() > 1 && before[0] == '0') before.remove_prefix(1);
  absl::StrAppend(&out, before);
  rest.remove_prefix(whole);
  if (rest.empty()) return out;
  if (rest[0] != '.' && rest[0] != ',') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty() || Digits(rest) != rest.size() || (rest.size() == 3 && before != "0")) {
    return std::nullopt;
  }
  return absl::StrCat(out, ".", rest);
}

// Of any year: birthdays are dates too.
std::optional<std::string> StoredDate(absl::string_view written, std::string* hint) {
  *hint = "is no date; write 2026-11-22 or 22/11/2026";
  const std::string text(base::Trim(written));
  for (const char* format : {"%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"}) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(format, text, absl::UTCTimeZone(), &time, &error)) continue;
    const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
    if (day.year() < 1000 || day.year() > 9999) continue;
    return absl::FormatCivilTime(day);
  }
  return std::nullopt;
}

}  // namespace

absl::string_view AttributeKindName(AttributeKind kind) {
  for (const KindName& known : kNames) {
    if (known.kind == kind) return known.name;
  }
  return "TEXT";
}

AttributeKind AttributeKindOf(absl::string_view name) {
  for (const KindName& known : kNames) {
    if (known.name == name) return known.kind;
  }
  return AttributeKind::kText;
}

std::optional<std::string> StoredAttribute(AttributeKind kind, absl::string_view written,
                                           std::string* hint) {
  switch (kind) {
    case AttributeKind::kText:
      return std::string(written);
    case AttributeKind::kNumber:
      return StoredNumber(written, hint);
    case AttributeKind::kDate:
      return StoredDate(written, hint);
    case AttributeKind::kBoolean: {
      const std::optional<bool> yes = ParseYesNo(written, hint);
      *hint = "is neither yes nor no; write ya or tidak";
      if (!yes) return std::nullopt;
      return std::string(*yes ? "ya" : "tidak");
    }
  }
  return std::nullopt;
}

absl::Status NormalizeAttributes(absl::string_view prefix, const AttributeKinds& kinds,
                                 std::map<std::string, std::string>& attributes) {
  for (auto& [name, value] : attributes) {
    const auto kind = kinds.find(name);
    if (kind == kinds.end() || value.empty()) continue;
    std::string hint;
    const auto stored = StoredAttribute(kind->second, value, &hint);
    if (!stored) return base::InvalidField(absl::StrCat(prefix, "attributes.", name), hint);
    value = *stored;
  }
  return absl::OkStatus();
}

}  // namespace kabar::contacts
