// What a filter says, before anyone knows its fields.
//
// Thread safety: values, immutable once parsed. Nothing blocks, nothing fails.
#ifndef KABAR_LIBS_FILTER_LANG_AST_H_
#define KABAR_LIBS_FILTER_LANG_AST_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/filter_lang/position.h"

namespace kabar::filter_lang {

enum class Op { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kHas };

absl::string_view OpText(Op op);  // "=", "!=", ..., ":"

struct Value {
  std::string text = {};  // quotes and escapes undone
  bool quoted = false;
  bool sum = false;                     // `today + 1d`, without blanks in `text`
  std::vector<std::size_t> stars = {};  // byte offsets in `text` of the `*` that are wildcards
  Position position = {};
};

struct Node;

// What stands between a function's brackets, up to the next comma.
struct Argument {
  Value value;                      // 30d, cod_amount, "Pelanggan VIP"
  std::unique_ptr<Node> condition;  // instead: an expression in brackets of its own
};

enum class NodeKind { kAnd, kOr, kNot, kComparison, kCall };

struct Node {
  NodeKind kind = NodeKind::kComparison;
  Position position;
  std::vector<std::unique_ptr<Node>> children;  // kAnd, kOr: two or more; kNot: one

  // kComparison and kCall, a function that is true or false by itself:
  std::string field;     // dotted, as written; a function's name
  bool is_call = false;  // a kComparison may compare what a function gives
  std::vector<Argument> arguments;

  // kComparison:
  Op op = Op::kEqual;
  Position op_position;
  Value value;
};

// The filter in one spelling, which parses to the same tree: for tests, logs without values never.
std::string ToString(const Node& node);

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_AST_H_
