#include "libs/filter_lang/schema.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "libs/base/status.h"

namespace kabar::filter_lang {
namespace {

// Letters that must change to make one name of the other.
std::size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(static_cast<unsigned char>(a[i - 1])) ==
                        absl::ascii_tolower(static_cast<unsigned char>(b[j - 1]));
      const std::size_t replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

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

std::optional<bool> ParseBool(absl::string_view text) {
  for (const absl::string_view yes : {"true", "ya", "yes", "1"}) {
    if (absl::EqualsIgnoreCase(text, yes)) return true;
  }
  for (const absl::string_view no : {"false", "tidak", "no", "0"}) {
    if (absl::EqualsIgnoreCase(text, no)) return false;
  }
  return std::nullopt;
}

std::optional<TimeSpan> ParseTime(const std::string& text, absl::TimeZone zone) {
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

bool Allows(FieldType type, Op op) {
  const std::string spaced = absl::StrCat(" ", AllowedOps(type), " ");
  return absl::StrContains(spaced, absl::StrCat(" ", OpText(op), " "));
}

absl::StatusOr<TypedValue> TypeText(const Field& field, const Node& node) {
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

absl::StatusOr<TypedValue> TypeValue(const Field& field, const Node& node, const Schema& schema) {
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
      if (const auto parsed = ParseTime(value.text, schema.zone())) return *parsed;
      return FilterError(
          value.position,
          absl::StrCat(field.name, " is a time; write 2026-11-22 or 2026-11-22T08:00:00+07:00"));
  }
  return absl::InternalError("a field type without a rule");
}

absl::StatusOr<Comparison> CheckComparison(const Node& node, const Schema& schema) {
  Comparison out;
  out.position = node.position;
  out.op = node.op;
  out.field = schema.Find(node.field, &out.key);
  if (out.field == nullptr) {
    return FilterError(node.position, absl::StrCat("there is no field \"", node.field, "\"",
                                                   schema.Suggest(node.field)));
  }
  if (out.field->type == FieldType::kTextMap && out.key.empty()) {
    return FilterError(node.position,
                       absl::StrCat(out.field->name, " needs the name of one of its values, as in ",
                                    out.field->name, ".color = \"red\""));
  }
  const bool presence =
      node.op == Op::kHas && node.value.text == "*" && node.value.stars.size() == 1;
  if (!presence && !Allows(out.field->type, node.op)) {
    return FilterError(node.op_position,
                       absl::StrCat(out.field->name, " cannot be compared with ", OpText(node.op),
                                    "; it allows ", AllowedOps(out.field->type)));
  }
  KABAR_ASSIGN_OR_RETURN(out.value, TypeValue(*out.field, node, schema));
  return out;
}

}  // namespace

Schema::Schema(std::vector<Field> fields, Canonical canonical, absl::TimeZone zone)
    : fields_(std::move(fields)), canonical_(std::move(canonical)), zone_(zone) {}

const Field* Schema::Find(absl::string_view written, std::string* key) const {
  key->clear();
  const std::string name = canonical_ ? canonical_(written) : std::string(written);
  for (const Field& field : fields_) {
    if (absl::EqualsIgnoreCase(field.name, name)) return &field;
    if (field.type != FieldType::kTextMap) continue;
    const std::string prefix = absl::StrCat(field.name, ".");
    if (!absl::StartsWithIgnoreCase(written, prefix)) continue;
    *key = std::string(written.substr(prefix.size()));
    return &field;
  }
  return nullptr;
}

std::string Schema::Suggest(absl::string_view written) const {
  const Field* best = nullptr;
  std::size_t best_distance = written.size() / 3 + 2;
  for (const Field& field : fields_) {
    const std::size_t distance = EditDistance(written, field.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = &field;
    }
  }
  if (best != nullptr) return absl::StrCat("; did you mean ", best->name, "?");
  return absl::StrCat("; there are ",
                      absl::StrJoin(fields_, ", ", [](std::string* out, const Field& field) {
                        absl::StrAppend(out, field.name);
                      }));
}

absl::StatusOr<std::unique_ptr<Checked>> Check(const Node* node, const Schema& schema) {
  if (node == nullptr) return std::unique_ptr<Checked>();
  auto out = std::make_unique<Checked>();
  out->kind = node->kind;
  if (node->kind == NodeKind::kComparison) {
    KABAR_ASSIGN_OR_RETURN(out->comparison, CheckComparison(*node, schema));
    return out;
  }
  for (const std::unique_ptr<Node>& child : node->children) {
    KABAR_ASSIGN_OR_RETURN(auto checked, Check(child.get(), schema));
    out->children.push_back(std::move(checked));
  }
  return out;
}

void ForEachComparison(const Checked* node, const std::function<void(const Comparison&)>& visit) {
  if (node == nullptr) return;
  if (node->kind == NodeKind::kComparison) visit(node->comparison);
  for (const std::unique_ptr<Checked>& child : node->children) {
    ForEachComparison(child.get(), visit);
  }
}

}  // namespace kabar::filter_lang
