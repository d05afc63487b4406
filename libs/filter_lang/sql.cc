#include "libs/filter_lang/sql.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/status.h"

namespace kabar::filter_lang {
namespace {

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone());
}

std::string TextSql(const Comparison& comparison, const std::string& expression,
                    const TextPattern& pattern, SqlParams& params) {
  const bool fold = comparison.field->type != FieldType::kExactText;
  auto folded = [fold](const std::string& sql) {
    return fold ? absl::StrCat("lower(", sql, ")") : sql;
  };
  const bool has = comparison.op == Op::kHas;
  if (has || !pattern.stars.empty()) {
    // A piece of a code or phone is looked for as people type it: always without regard to case.
    const std::string like = absl::StrCat("lower(", expression, ") LIKE lower(",
                                          params.Add(LikePattern(pattern, has), "text"), ")");
    return comparison.op == Op::kNotEqual ? absl::StrCat("(", like, ") IS NOT TRUE") : like;
  }
  // No value and the empty text are one thing to whoever writes a filter.
  const std::string left =
      pattern.text.empty() ? absl::StrCat("coalesce(", expression, ", '')") : expression;
  const std::string right = params.Add(pattern.text, "text");
  if (comparison.op == Op::kNotEqual) {
    return absl::StrCat(folded(left), " IS DISTINCT FROM ", folded(right));
  }
  return absl::StrCat(folded(left), " ", OpText(comparison.op), " ", folded(right));
}

std::string SetSql(const Comparison& comparison, const std::string& expression,
                   const TextPattern& pattern, SqlParams& params) {
  const std::string element =
      pattern.stars.empty()
          ? absl::StrCat("lower(e) = lower(", params.Add(pattern.text, "text"), ")")
          : absl::StrCat("lower(e) LIKE lower(", params.Add(LikePattern(pattern, false), "text"),
                         ")");
  return absl::StrCat(comparison.op == Op::kNotEqual ? "NOT " : "", "EXISTS (SELECT 1 FROM unnest(",
                      expression, ") AS e WHERE ", element, ")");
}

std::string ScalarSql(const Comparison& comparison, const std::string& expression,
                      const std::string& parameter) {
  if (comparison.op == Op::kNotEqual) {
    return absl::StrCat(expression, " IS DISTINCT FROM ", parameter);
  }
  return absl::StrCat(expression, " ", OpText(comparison.op), " ", parameter);
}

// A day is compared as the span it is: `<= day` includes all of it, `> day` begins after it.
std::string TimeSql(const Comparison& comparison, const std::string& expression,
                    const TimeSpan& span, SqlParams& params) {
  auto bound = [&](absl::string_view op, absl::Time time) {
    return absl::StrCat(expression, " ", op, " ", params.Add(TimeText(time), "timestamptz"));
  };
  switch (comparison.op) {
    case Op::kLess:
      return bound("<", span.from);
    case Op::kLessOrEqual:
      return bound("<", span.to);
    case Op::kGreater:
      return bound(">=", span.to);
    case Op::kGreaterOrEqual:
      return bound(">=", span.from);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kHas:
      break;
  }
  const std::string from = bound(">=", span.from);
  const std::string inside = absl::StrCat("(", from, " AND ", bound("<", span.to), ")");
  return comparison.op == Op::kNotEqual ? absl::StrCat(inside, " IS NOT TRUE") : inside;
}

std::string PresentSql(const Comparison& comparison, const std::string& expression) {
  switch (comparison.field->type) {
    case FieldType::kText:
    case FieldType::kExactText:
    case FieldType::kTextMap:
    case FieldType::kEnum:
      return absl::StrCat("coalesce(", expression, ", '') <> ''");
    case FieldType::kTextSet:
      return absl::StrCat("coalesce(cardinality(", expression, "), 0) > 0");
    case FieldType::kNumber:
    case FieldType::kBool:
    case FieldType::kTime:
      break;
  }
  return absl::StrCat(expression, " IS NOT NULL");
}

absl::StatusOr<std::string> ComparisonSql(const Comparison& comparison,
                                          const FieldToSql& field_to_sql, SqlParams& params) {
  KABAR_ASSIGN_OR_RETURN(const FieldSql field, field_to_sql(comparison, params));
  if (!field.predicate.empty()) return field.predicate;
  const std::string& expression = field.expression;
  if (std::holds_alternative<Present>(comparison.value)) return PresentSql(comparison, expression);
  if (const auto* pattern = std::get_if<TextPattern>(&comparison.value)) {
    return comparison.field->type == FieldType::kTextSet
               ? SetSql(comparison, expression, *pattern, params)
               : TextSql(comparison, expression, *pattern, params);
  }
  if (const auto* number = std::get_if<Number>(&comparison.value)) {
    return ScalarSql(comparison, expression, params.Add(number->digits, "numeric"));
  }
  if (const auto* flag = std::get_if<bool>(&comparison.value)) {
    return ScalarSql(comparison, expression, params.Add(*flag ? "true" : "false", "boolean"));
  }
  return TimeSql(comparison, expression, std::get<TimeSpan>(comparison.value), params);
}

}  // namespace

std::string SqlParams::Add(std::string value, absl::string_view type) {
  values_.push_back(std::move(value));
  return absl::StrCat("$", next_++, "::", type);
}

std::string LikePattern(const TextPattern& pattern, bool contains) {
  std::string out = contains ? "%" : "";
  for (std::size_t i = 0; i < pattern.text.size(); ++i) {
    const char c = pattern.text[i];
    if (std::find(pattern.stars.begin(), pattern.stars.end(), i) != pattern.stars.end()) {
      out.push_back('%');
      continue;
    }
    if (c == '%' || c == '_' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  if (contains) out.push_back('%');
  return out;
}

absl::StatusOr<std::string> CompileSql(const Checked* filter, const FieldToSql& field_to_sql,
                                       SqlParams& params) {
  if (filter == nullptr) return std::string("TRUE");
  if (filter->kind == NodeKind::kComparison) {
    KABAR_ASSIGN_OR_RETURN(const std::string sql,
                           ComparisonSql(filter->comparison, field_to_sql, params));
    return absl::StrCat("(", sql, ")");
  }
  if (filter->kind == NodeKind::kNot) {
    KABAR_ASSIGN_OR_RETURN(const std::string sql,
                           CompileSql(filter->children[0].get(), field_to_sql, params));
    return absl::StrCat("(", sql, " IS NOT TRUE)");
  }
  if (filter->children.empty()) return std::string("TRUE");
  std::string out = "(";
  for (std::size_t i = 0; i < filter->children.size(); ++i) {
    KABAR_ASSIGN_OR_RETURN(const std::string sql,
                           CompileSql(filter->children[i].get(), field_to_sql, params));
    if (i > 0) absl::StrAppend(&out, filter->kind == NodeKind::kAnd ? " AND " : " OR ");
    absl::StrAppend(&out, sql);
  }
  out.push_back(')');
  return out;
}

}  // namespace kabar::filter_lang
