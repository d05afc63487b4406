#include "libs/filter_lang/ast.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kabar::filter_lang {
namespace {

std::string Quote(const Value& value) {
  std::string out = "\"";
  for (std::size_t i = 0; i < value.text.size(); ++i) {
    const char c = value.text[i];
    const bool star = std::find(value.stars.begin(), value.stars.end(), i) != value.stars.end();
    if (c == '"' || c == '\\' || (c == '*' && !star)) out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string Join(const Node& node, absl::string_view word) {
  std::string out = "(";
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    if (i > 0) absl::StrAppend(&out, " ", word, " ");
    absl::StrAppend(&out, ToString(*node.children[i]));
  }
  out.push_back(')');
  return out;
}

bool IsName(absl::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

std::string FieldText(absl::string_view field) {
  std::string out;
  for (const absl::string_view part : absl::StrSplit(field, '.')) {
    const bool first = part.data() == field.data();
    absl::StrAppend(&out, first ? "" : ".",
                    first || IsName(part) ? std::string(part) : Quote({std::string(part)}));
  }
  return out;
}

std::string Left(const Node& node) {
  if (!node.is_call) return FieldText(node.field);
  std::string out = absl::StrCat(node.field, "(");
  for (const Argument& argument : node.arguments) {
    if (&argument != &node.arguments.front()) absl::StrAppend(&out, ", ");
    if (argument.condition == nullptr) {
      absl::StrAppend(&out, argument.value.quoted ? Quote(argument.value) : argument.value.text);
      continue;
    }
    const std::string condition = ToString(*argument.condition);
    const bool bracketed =
        argument.condition->kind == NodeKind::kAnd || argument.condition->kind == NodeKind::kOr;
    absl::StrAppend(&out, bracketed ? "" : "(", condition, bracketed ? "" : ")");
  }
  out.push_back(')');
  return out;
}

}  // namespace

absl::string_view OpText(Op op) {
  switch (op) {
    case Op::kEqual:
      return "=";
    case Op::kNotEqual:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessOrEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    case Op::kGreaterOrEqual:
      return ">=";
    case Op::kHas:
      return ":";
  }
  return "?";
}

std::string ToString(const Node& node) {
  switch (node.kind) {
    case NodeKind::kAnd:
      return Join(node, "AND");
    case NodeKind::kOr:
      return Join(node, "OR");
    case NodeKind::kNot:
      return absl::StrCat("NOT ", ToString(*node.children[0]));
    case NodeKind::kComparison:
      return absl::StrCat(Left(node), " ", OpText(node.op), " ",
                          node.value.sum ? node.value.text : Quote(node.value));
    case NodeKind::kCall:
      return Left(node);
  }
  return "";
}

}  // namespace kabar::filter_lang
