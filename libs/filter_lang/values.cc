#include "libs/filter_lang/values.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "libs/base/status.h"

namespace kabar::filter_lang {
namespace {

std::optional<bool> ParseBool(absl::string_view text) {
  for (const absl::string_view yes : {"true", "ya", "yes", "1"}) {
    if (absl::EqualsIgnoreCase(text, yes)) return true;
  }
  for (const absl::string_view no : {"false", "tidak", "no", "0"}) {
    if (absl::EqualsIgnoreCase(text, no)) return false;
  }
  return std::nullopt;
}

// `today`, `today+1d`, `now-2h`: days move the calendar, hours and minutes the clock.
std::optional<TimeSpan> RelativeTime(absl::string_view written, absl::TimeZone zone,
                                     absl::Time now) {
  const std::string without_blanks = absl::StrReplaceAll(written, {{" ", ""}});
  absl::string_view text = without_blanks;
  const bool day = absl::StartsWithIgnoreCase(text, "today");
  if (!day && !absl::StartsWithIgnoreCase(text, "now")) return std::nullopt;
  text.remove_prefix(day ? 5 : 3);
  Span span;
  if (!text.empty()) {
    if (text[0] != '+' && text[0] != '-') return std::nullopt;
    const std::optional<Span> parsed = ParseSpan(text.substr(1));
    if (!parsed) return std::nullopt;
    span = text[0] == '+' ? *parsed : Span{-parsed->days, -parsed->time};
  }
  if (!day) {
    const absl::Time moment = now + span.days * absl::Hours(24) + span.time;
    return TimeSpan{moment, moment + absl::Microseconds(1)};
  }
  const absl::CivilDay civil = absl::ToCivilDay(now, zone) + span.days;
  const absl::Time from = absl::FromCivil(civil, zone) + span.time;
  if (span.time != absl::ZeroDuration()) return TimeSpan{from, from + absl::Microseconds(1)};
  return TimeSpan{from, absl::FromCivil(civil + 1, zone)};
}

std::optional<TimeSpan> ParseTime(const std::string& text, absl::TimeZone zone, absl::Time now) {
  if (const auto relative = RelativeTime(text, zone, now)) return relative;
  absl::Time moment;
  std::string error;
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) {
    return TimeSpan{absl::FromCivil(day, zone), absl::FromCivil(day + 1, zone)};
  }
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S",
                             "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"}) {
    if (!absl::ParseTime(format, text, zone, &moment, &error)) continue;
    if (moment == absl::InfiniteFuture() || moment == absl::InfinitePast()) return std::nullopt;
    return TimeSpan{moment, moment + absl::Microseconds(1)};
  }
  return std::nullopt;
}

absl::StatusOr<TypedValue> TypeText(const Field& field, const Node& node) {
  // Letters would be compared where days were meant: nearly every text stands before "today".
  const bool ordered = node.op != Op::kHas && node.op != Op::kEqual && node.op != Op::kNotEqual;
  if ((ordered || !node.value.quoted) && node.op != Op::kHas &&
      RelativeTime(node.value.text, absl::UTCTimeZone(), absl::UnixEpoch())) {
    return FilterError(node.value.position, absl::StrCat(field.name,
                                                         " is a text and has no time, "
                                                         "but ",
                                                         node.value.text, " is one"));
  }
  TextPattern pattern{node.value.text, node.value.stars};
  if (!pattern.stars.empty() && node.op != Op::kEqual && node.op != Op::kNotEqual &&
      node.op != Op::kHas) {
    return FilterError(node.value.position,
                       absl::StrCat("the wildcard * has no meaning after ", OpText(node.op),
                                    "; write \\* for the sign itself"));
  }
  const bool whole = node.op == Op::kEqual || node.op == Op::kNotEqual;
  if (field.normalize && whole && pattern.stars.empty() && !pattern.text.empty()) {
    absl::StatusOr<std::string> normal = field.normalize(pattern.text);
    if (!normal.ok()) return FilterError(node.value.position, normal.status().message());
    pattern.text = *std::move(normal);
  }
  return pattern;
}

absl::StatusOr<TypedValue> TypeEnum(const Field& field, const Node& node) {
  for (const std::string& value : field.enum_values) {
    if (absl::EqualsIgnoreCase(value, node.value.text)) return TextPattern{value, {}};
  }
  return FilterError(node.value.position, absl::StrCat(field.name, " is one of ",
                                                       absl::StrJoin(field.enum_values, ", ")));
}

}  // namespace

bool IsNumber(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  const std::size_t dot = text.find('.');
  const absl::string_view whole = text.substr(0, dot);
  const absl::string_view part =
      dot == absl::string_view::npos ? absl::string_view("0") : text.substr(dot + 1);
  auto digits = [](absl::string_view s) {
    return !s.empty() && s.size() <= 18 &&
           std::all_of(s.begin(), s.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
  };
  return digits(whole) && digits(part);
}

bool IsTime(const Value& value, absl::TimeZone zone, absl::Time now) {
  return ParseTime(value.text, zone, now).has_value();
}

absl::string_view AllowedOps(FieldType type) {
  switch (type) {
    case FieldType::kText:
    case FieldType::kExactText:
    case FieldType::kTextMap:
      return "= != < <= > >= :";
    case FieldType::kNumber:
    case FieldType::kTime:
      return "= != < <= > >=";
    case FieldType::kBool:
    case FieldType::kEnum:
      return "= !=";
    case FieldType::kTextSet:
      return ": = !=";
  }
  return "";
}

std::optional<Span> ParseSpan(absl::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
    ++digits;
  }
  int number = 0;
  if (digits > 5 || !absl::SimpleAtoi(text.substr(0, digits), &number)) return std::nullopt;
  const absl::string_view unit = text.substr(digits);
  if (unit == "w") return Span{7 * number, absl::ZeroDuration()};
  if (unit == "d") return Span{number, absl::ZeroDuration()};
  if (unit == "h") return Span{0, absl::Hours(number)};
  if (unit == "min") return Span{0, absl::Minutes(number)};  // "m" may be taken for months
  return std::nullopt;
}

absl::StatusOr<TypedValue> TypeValue(const Field& field, const Node& node, absl::TimeZone zone,
                                     absl::Time now) {
  const Value& value = node.value;
  // `field:*`: the field has a value at all.
  if (node.op == Op::kHas && value.text == "*" && value.stars.size() == 1) return Present{};
  switch (field.type) {
    case FieldType::kText:
    case FieldType::kExactText:
    case FieldType::kTextMap:
    case FieldType::kTextSet:
      return TypeText(field, node);
    case FieldType::kEnum:
      return TypeEnum(field, node);
    case FieldType::kNumber:
      if (IsNumber(value.text)) return Number{value.text};
      return FilterError(value.position,
                         absl::StrCat(field.name, " is a number; write it with digits, as in ",
                                      field.name, " > 5"));
    case FieldType::kBool:
      if (const auto parsed = ParseBool(value.text)) return *parsed;
      return FilterError(value.position, absl::StrCat(field.name, " is true or false"));
    case FieldType::kTime:
      if (const auto parsed = ParseTime(value.text, zone, now)) return *parsed;
      return FilterError(value.position,
                         absl::StrCat(field.name,
                                      " is a time; write 2026-11-22, 2026-11-22T08:00:00+07:00, "
                                      "today, today + 1d or now - 2h"));
  }
  return absl::InternalError("a field type without a rule");
}

}  // namespace kabar::filter_lang
