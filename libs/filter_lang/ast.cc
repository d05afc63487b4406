#include "libs/filter_lang/ast.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

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
      return absl::StrCat(node.field, " ", OpText(node.op), " ", Quote(node.value));
  }
  return "";
}

}  // namespace kabar::filter_lang
