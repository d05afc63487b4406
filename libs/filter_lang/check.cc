// Check: a parsed filter against its schema.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/filter_lang/schema.h"
#include "libs/filter_lang/values.h"

namespace kabar::filter_lang {
namespace {

class Checker {
 public:
  Checker(const Schema& schema, const CheckOptions& options) : schema_(schema), options_(options) {}

  absl::StatusOr<std::unique_ptr<Checked>> Run(const Node& node, bool negated) const;

 private:
  absl::StatusOr<Comparison> CheckComparison(const Node& node) const;
  absl::Status CheckField(const Node& node, Comparison& out) const;
  absl::Status CheckAggregation(const Node& node, Comparison& out) const;
  absl::Status CheckArgument(const Node& node, const Argument& argument, Aggregation& out) const;
  absl::StatusOr<std::unique_ptr<Checked>> CheckNamed(const Node& node, bool negated) const;
  absl::Status NoSuchFunction(const Node& node) const;

  const Schema& schema_;
  const CheckOptions& options_;
};

bool Allows(FieldType type, Op op) {
  const std::string spaced = absl::StrCat(" ", AllowedOps(type), " ");
  return absl::StrContains(spaced, absl::StrCat(" ", OpText(op), " "));
}

absl::StatusOr<std::unique_ptr<Checked>> Checker::Run(const Node& node, bool negated) const {
  if (node.kind == NodeKind::kCall) return CheckNamed(node, negated);
  auto out = std::make_unique<Checked>();
  out->kind = node.kind;
  if (node.kind == NodeKind::kComparison) {
    KABAR_ASSIGN_OR_RETURN(out->comparison, CheckComparison(node));
    return out;
  }
  for (const std::unique_ptr<Node>& child : node.children) {
    KABAR_ASSIGN_OR_RETURN(auto checked, Run(*child, negated || node.kind == NodeKind::kNot));
    out->children.push_back(std::move(checked));
  }
  return out;
}

absl::StatusOr<Comparison> Checker::CheckComparison(const Node& node) const {
  Comparison out;
  out.position = node.position;
  out.op = node.op;
  KABAR_RETURN_IF_ERROR(node.is_call ? CheckAggregation(node, out) : CheckField(node, out));
  const bool presence =
      node.op == Op::kHas && node.value.text == "*" && node.value.stars.size() == 1;
  if (!presence && !Allows(out.field->type, node.op)) {
    return FilterError(node.op_position,
                       absl::StrCat(out.field->name, " cannot be compared with ", OpText(node.op),
                                    "; it allows ", AllowedOps(out.field->type)));
  }
  KABAR_ASSIGN_OR_RETURN(out.value, TypeValue(*out.field, node, schema_.zone(), options_.now));
  return out;
}

absl::Status Checker::CheckField(const Node& node, Comparison& out) const {
  out.field = schema_.Find(node.field, &out.key);
  if (out.field == nullptr) {
    return FilterError(node.position, absl::StrCat("there is no field \"", node.field, "\"",
                                                   schema_.Suggest(node.field)));
  }
  if (out.field->type == FieldType::kTextMap && out.key.empty()) {
    return FilterError(node.position,
                       absl::StrCat(out.field->name, " needs the name of one of its values, as in ",
                                    out.field->name, ".color = \"red\""));
  }
  if (!out.field->as_time.empty() && node.op != Op::kHas &&
      IsTime(node.value, schema_.zone(), options_.now)) {
    out.field = schema_.FindExact(out.field->as_time);
    out.offset = absl::FormatTime("%Ez", options_.now, schema_.zone());
    return absl::OkStatus();
  }
  const bool ordered = node.op != Op::kHas && node.op != Op::kEqual && node.op != Op::kNotEqual;
  if (!out.field->as_number.empty() && ordered && IsNumber(node.value.text)) {
    out.field = schema_.FindExact(out.field->as_number);
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckAggregation(const Node& node, Comparison& out) const {
  const std::size_t dot = node.field.rfind('.');
  const Collection* collection =
      dot == std::string::npos ? nullptr : schema_.FindCollection(node.field.substr(0, dot));
  if (collection == nullptr) return NoSuchFunction(node);
  const std::string function = node.field.substr(dot + 1);
  auto aggregation = std::make_shared<Aggregation>();
  aggregation->collection = collection;
  if (absl::EqualsIgnoreCase(function, "count")) {
    out.field = &collection->count();
  } else if (absl::EqualsIgnoreCase(function, "sum")) {
    aggregation->aggregate = Aggregate::kSum;
    out.field = &collection->sum();
  } else if (absl::EqualsIgnoreCase(function, "last")) {
    aggregation->aggregate = Aggregate::kLast;
    out.field = &collection->last();
  } else {
    return NoSuchFunction(node);
  }
  for (const Argument& argument : node.arguments) {
    KABAR_RETURN_IF_ERROR(CheckArgument(node, argument, *aggregation));
  }
  if (aggregation->aggregate == Aggregate::kSum && aggregation->summed == nullptr) {
    return FilterError(node.position,
                       absl::StrCat("say first which number ", node.field, " adds up, as in ",
                                    node.field, "(cod_amount, 30d)"));
  }
  out.aggregation = std::move(aggregation);
  return absl::OkStatus();
}

// What an argument is, its form says; each comes once at most.
absl::Status Checker::CheckArgument(const Node& node, const Argument& argument,
                                    Aggregation& out) const {
  const Value& value = argument.value;
  const Schema& element = out.collection->element();
  if (argument.condition != nullptr) {
    if (out.condition != nullptr) {
      return FilterError(value.position, "there is a condition already; join both with AND");
    }
    const CheckOptions only_time{.now = options_.now};
    const Checker inner(element, only_time);
    KABAR_ASSIGN_OR_RETURN(auto condition, inner.Run(*argument.condition, false));
    out.condition = std::move(condition);
    return absl::OkStatus();
  }
  const std::optional<Span> span = value.quoted ? std::nullopt : ParseSpan(value.text);
  if (span && !out.since) {
    out.since = options_.now - span->days * absl::Hours(24) - span->time;
    return absl::OkStatus();
  }
  if (!span && out.aggregate == Aggregate::kSum && out.summed == nullptr) {
    std::string key;
    out.summed = element.Find(value.text, &key);
    if (out.summed != nullptr && out.summed->type == FieldType::kNumber) return absl::OkStatus();
    return FilterError(value.position,
                       absl::StrCat("\"", value.text, "\" is no number of ", out.collection->name(),
                                    " that could be added up"));
  }
  return FilterError(
      value.position,
      absl::StrCat("\"", value.text, "\" has no meaning here; ", node.field, " takes ",
                   out.aggregate == Aggregate::kSum ? "a number's name, " : "",
                   "a condition in brackets of its own and a span such as 30d, each at most once"));
}

absl::StatusOr<std::unique_ptr<Checked>> Checker::CheckNamed(const Node& node, bool negated) const {
  const NamedFilters& named = options_.named;
  if (!absl::EqualsIgnoreCase(node.field, named.function) || named.find == nullptr) {
    const std::size_t dot = node.field.rfind('.');
    if (dot != std::string::npos && schema_.FindCollection(node.field.substr(0, dot)) != nullptr) {
      return FilterError(node.position, absl::StrCat(node.field, "(...) needs a comparison, as in ",
                                                     node.field, "(...) > 5"));
    }
    return NoSuchFunction(node);
  }
  if (node.arguments.size() != 1 || !node.arguments[0].value.quoted) {
    return FilterError(node.position, absl::StrCat(node.field, " takes one name in quotes, as in ",
                                                   node.field, "(\"VIP\")"));
  }
  KABAR_ASSIGN_OR_RETURN(auto found,
                         named.find(node.arguments[0].value.text, node.position, negated));
  if (found != nullptr) return found;
  found = std::make_unique<Checked>();
  found->kind = NodeKind::kAnd;
  return found;
}

absl::Status Checker::NoSuchFunction(const Node& node) const {
  std::string there;
  for (const Collection& collection : schema_.collections()) {
    const std::string& name = collection.name();
    absl::StrAppend(&there, there.empty() ? "" : ", ", name, ".count(...), ", name, ".sum(...), ",
                    name, ".last(...)");
  }
  if (options_.named.find != nullptr) {
    absl::StrAppend(&there, there.empty() ? "" : ", ", options_.named.function, "(\"name\")");
  }
  return FilterError(
      node.position,
      there.empty() ? absl::StrCat("there is no function ", node.field, " here, nor any other")
                    : absl::StrCat("there is no function ", node.field, "; there are ", there));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checked>> Check(const Node* node, const Schema& schema,
                                               const CheckOptions& options) {
  if (node == nullptr) return std::unique_ptr<Checked>();
  return Checker(schema, options).Run(*node, false);
}

}  // namespace kabar::filter_lang
