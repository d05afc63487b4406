#include "libs/template_lang/condition.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kabar::template_lang {
namespace {

struct Node {
  enum class Kind { kTest, kNot, kAnd, kOr };

  Kind kind = Kind::kTest;
  Op test;            // kTest: a jump whose `when` is the outcome that means "holds"
  size_t offset = 0;  // kTest
  std::vector<Node> children;
};

// One side of a comparison.
struct Operand {
  bool is_text = false;
  uint32_t index = 0;  // of the text or the slot
};

class Condition {
 public:
  Condition(Scanner* scanner, Token* token, Builder* builder)
      : scanner_(scanner), token_(token), builder_(builder) {}

  // `depth` counts brackets and nots, the only way to make the parser call itself.
  bool ParseAny(Node* node, size_t depth) {
    return ParseList("or", Node::Kind::kOr, node,
                     [this, depth](Node* child) { return ParseAll(child, depth); });
  }

  bool Emit(const Node& node, bool when, std::vector<uint32_t>* jumps);

 private:
  bool ParseAll(Node* node, size_t depth) {
    return ParseList("and", Node::Kind::kAnd, node,
                     [this, depth](Node* child) { return ParseOne(child, depth); });
  }
  template <typename ParseChild>
  bool ParseList(absl::string_view word, Node::Kind kind, Node* node, ParseChild parse_child);
  bool ParseOne(Node* node, size_t depth);
  bool ParseTest(Node* node);
  bool ParseOperand(Operand* operand);
  bool IsWord(absl::string_view word) const {
    return token_->kind == TokenKind::kName && absl::EqualsIgnoreCase(token_->text, word);
  }
  bool Advance() {
    *token_ = scanner_->Next();
    return token_->kind != TokenKind::kError || builder_->Fail(token_->offset, token_->text);
  }

  Scanner* scanner_;
  Token* token_;
  Builder* builder_;
};

template <typename ParseChild>
bool Condition::ParseList(absl::string_view word, Node::Kind kind, Node* node,
                          ParseChild parse_child) {
  Node first;
  if (!parse_child(&first)) return false;
  if (!IsWord(word)) {
    *node = std::move(first);
    return true;
  }
  node->kind = kind;
  node->children.push_back(std::move(first));
  while (IsWord(word)) {
    if (!Advance()) return false;
    if (!parse_child(&node->children.emplace_back())) return false;
  }
  return true;
}

bool Condition::ParseOne(Node* node, size_t depth) {
  if (depth >= kMaxDepth) {
    return builder_->Fail(token_->offset, absl::StrCat("brackets and nots are nested deeper than ",
                                                       kMaxDepth, ": simplify the condition"));
  }
  if (IsWord("not")) {
    node->kind = Node::Kind::kNot;
    return Advance() && ParseOne(&node->children.emplace_back(), depth + 1);
  }
  if (token_->kind != TokenKind::kOpen) return ParseTest(node);
  const size_t open = token_->offset;
  if (!Advance() || !ParseAny(node, depth + 1)) return false;
  if (token_->kind != TokenKind::kClose) {
    return builder_->Fail(token_->offset, absl::StrCat("a ) is missing for the ( in column ",
                                                       builder_->At(open).column));
  }
  return Advance();
}

bool Condition::ParseTest(Node* node) {
  node->offset = token_->offset;
  Operand left;
  if (!ParseOperand(&left)) return false;
  if (token_->kind != TokenKind::kEqual && token_->kind != TokenKind::kNotEqual) {
    if (left.is_text) {
      return builder_->Fail(node->offset,
                            "a text alone is no condition: compare it with a variable, such as "
                            "status == \"Delivered\"");
    }
    node->test = Op{Code::kJumpPresent, true, left.index, 0, 0};
    return true;
  }
  const bool when = token_->kind == TokenKind::kEqual;
  Operand right;
  if (!Advance() || !ParseOperand(&right)) return false;
  if (left.is_text && right.is_text) {
    return builder_->Fail(node->offset,
                          "two texts are always equal or never: compare a variable with a text");
  }
  if (left.is_text) std::swap(left, right);
  node->test =
      Op{right.is_text ? Code::kJumpEqual : Code::kJumpSame, when, left.index, right.index, 0};
  return true;
}

bool Condition::ParseOperand(Operand* operand) {
  if (token_->kind == TokenKind::kString) {
    *operand = Operand{true, builder_->AddText(token_->text)};
    return Advance();
  }
  if (token_->kind == TokenKind::kName && !IsReserved(token_->text)) {
    operand->is_text = false;
    return builder_->FindSlot(token_->text, token_->offset, /*printed=*/false, &operand->index) &&
           Advance();
  }
  return builder_->Fail(token_->offset,
                        "a condition is made of variables and texts in quotes, such as "
                        "status == \"Delivered\": one of them is missing here");
}

// Adds instructions that jump (into `jumps`) if the node's truth is `when` and else fall through.
bool Condition::Emit(const Node& node, bool when, std::vector<uint32_t>* jumps) {
  if (node.kind == Node::Kind::kNot) return Emit(node.children[0], !when, jumps);
  if (node.kind == Node::Kind::kTest) {
    Op op = node.test;
    op.when = op.when == when;
    jumps->push_back(builder_->next());
    return builder_->Add(op, node.offset);
  }
  // The truth that settles the whole list as soon as one child has it.
  const bool settles = node.kind == Node::Kind::kOr;
  std::vector<uint32_t> settled;
  for (size_t i = 0; i < node.children.size(); ++i) {
    const bool last = i + 1 == node.children.size();
    const bool ok = when == settles || last ? Emit(node.children[i], when, jumps)
                                            : Emit(node.children[i], settles, &settled);
    if (!ok) return false;
  }
  builder_->LandHere(settled);
  return true;
}

// A test of presence, alone or among things that must all hold.
void AddPresent(const Node& node, std::vector<uint32_t>* present) {
  if (node.kind == Node::Kind::kTest && node.test.code == Code::kJumpPresent) {
    present->push_back(node.test.a);
  }
  if (node.kind != Node::Kind::kAnd) return;
  for (const Node& child : node.children) AddPresent(child, present);
}

}  // namespace

bool CompileCondition(Scanner* scanner, Token* token, Builder* builder,
                      std::vector<uint32_t>* jumps_if_false, std::vector<uint32_t>* present) {
  Condition condition(scanner, token, builder);
  Node root;
  if (!condition.ParseAny(&root, 0)) return false;
  present->clear();
  AddPresent(root, present);
  return condition.Emit(root, false, jumps_if_false);
}

}  // namespace kabar::template_lang
