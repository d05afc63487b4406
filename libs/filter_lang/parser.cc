#include "libs/filter_lang/parser.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::filter_lang {
namespace {

using NodePtr = std::unique_ptr<Node>;

bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Everything that may stand in a name or keyword; other signs have a meaning of their own.
bool IsNameChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool EndsBareValue(char c) {
  return IsBlank(c) || c == '(' || c == ')' || c == '"' || c == '\'' || c == '=' || c == '<' ||
         c == '>' || c == '!' || c == ',' || c == '&' || c == '|';
}

bool IsOpChar(char c) { return c == '=' || c == '!' || c == '<' || c == '>' || c == ':'; }

class Parser {
 public:
  Parser(absl::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  absl::StatusOr<NodePtr> Run() {
    KABAR_RETURN_IF_ERROR(CheckText());
    SkipBlanks();
    if (AtEnd()) return NodePtr();
    KABAR_ASSIGN_OR_RETURN(NodePtr root, ParseExpression(0));
    if (AtEnd()) return root;
    if (text_[at_] == ')') return Fail(at_, "this bracket was never opened; remove it");
    return FailAtJoint();
  }

 private:
  absl::Status Fail(std::size_t offset, absl::string_view what) const {
    return FilterError(PositionAt(text_, offset), what);
  }

  absl::Status CheckText() const {
    if (text_.size() > limits_.max_bytes) {
      return Fail(limits_.max_bytes,
                  absl::StrCat("the filter has ", text_.size(), " bytes; at most ",
                               limits_.max_bytes, " are allowed"));
    }
    const std::size_t invalid = base::FirstInvalidUtf8(text_);
    if (invalid != absl::string_view::npos) return Fail(invalid, "this byte is not UTF-8 text");
    const std::size_t null = text_.find('\0');
    if (null != absl::string_view::npos) return Fail(null, "a zero byte cannot stand in a filter");
    return absl::OkStatus();
  }

  bool AtEnd() const { return at_ >= text_.size(); }

  void SkipBlanks() {
    while (!AtEnd() && IsBlank(text_[at_])) ++at_;
  }

  // The word at the cursor, without moving.
  absl::string_view PeekWord() const {
    std::size_t end = at_;
    while (end < text_.size() && IsNameChar(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  bool PeekKeyword(absl::string_view keyword) const {
    return absl::EqualsIgnoreCase(PeekWord(), keyword);
  }

  bool TakeKeyword(absl::string_view keyword) {
    if (!PeekKeyword(keyword)) return false;
    at_ += keyword.size();
    SkipBlanks();
    return true;
  }

  // Something stands where AND, OR or the end was expected.
  absl::Status FailAtJoint() const {
    const absl::string_view rest = text_.substr(at_);
    if (absl::StartsWith(rest, "&")) return Fail(at_, "write AND instead of &");
    if (absl::StartsWith(rest, "|")) return Fail(at_, "write OR instead of |");
    if (absl::StartsWith(rest, "+")) {
      return Fail(at_, "only today and now take a + or -, and only one, as in today + 1d");
    }
    if (absl::StartsWith(rest, ",")) {
      return Fail(at_, "a comma joins nothing; write AND or OR, or quote the value it is part of");
    }
    if (absl::StartsWith(rest, "=") || absl::StartsWith(rest, "<") || absl::StartsWith(rest, ">") ||
        absl::StartsWith(rest, "!")) {
      return Fail(at_, "a second comparison cannot follow a value; write AND or OR between them");
    }
    return Fail(at_,
                "expected AND, OR or the end; a value of several words needs quotes, as in "
                "city = \"Jakarta Selatan\"");
  }

  absl::StatusOr<NodePtr> ParseExpression(int depth) {
    KABAR_ASSIGN_OR_RETURN(NodePtr first, ParseFactor(depth));
    const bool is_and = PeekKeyword("AND");
    if (!is_and && !PeekKeyword("OR")) return first;

    auto node = std::make_unique<Node>();
    node->kind = is_and ? NodeKind::kAnd : NodeKind::kOr;
    node->position = first->position;
    node->children.push_back(std::move(first));
    while (TakeKeyword(is_and ? "AND" : "OR")) {
      KABAR_ASSIGN_OR_RETURN(NodePtr next, ParseFactor(depth));
      node->children.push_back(std::move(next));
    }
    if (PeekKeyword(is_and ? "OR" : "AND")) {
      return Fail(
          at_,
          "AND and OR stand side by side, which can be read in two ways; set brackets, as in "
          "a = 1 AND (b = 2 OR c = 3)");
    }
    return node;
  }

  absl::StatusOr<NodePtr> ParseFactor(int depth) {
    if (depth > limits_.max_depth) {
      return Fail(at_, absl::StrCat("brackets and NOTs are nested too deep; at most ",
                                    limits_.max_depth, " levels are allowed"));
    }
    if (AtEnd()) return Fail(at_, "the filter ends where a comparison was expected");
    const std::size_t start = at_;
    const bool minus = text_[at_] == '-';
    if (minus || PeekKeyword("NOT")) {
      at_ += minus ? 1 : 3;
      SkipBlanks();
      auto node = std::make_unique<Node>();
      node->kind = NodeKind::kNot;
      node->position = PositionAt(text_, start);
      KABAR_ASSIGN_OR_RETURN(NodePtr child, ParseFactor(depth + 1));
      node->children.push_back(std::move(child));
      return node;
    }
    if (text_[at_] == '(') return ParseBrackets(depth);
    return ParseComparison(depth);
  }

  absl::StatusOr<NodePtr> ParseBrackets(int depth) {
    const std::size_t open = at_++;
    SkipBlanks();
    if (!AtEnd() && text_[at_] == ')') return Fail(at_, "there is nothing between the brackets");
    KABAR_ASSIGN_OR_RETURN(NodePtr inside, ParseExpression(depth + 1));
    if (AtEnd()) return Fail(open, "this bracket is never closed; add a )");
    if (text_[at_] != ')') return FailAtJoint();
    ++at_;
    SkipBlanks();
    return inside;
  }

  absl::StatusOr<NodePtr> ParseComparison(int depth) {
    if (++comparisons_ > limits_.max_comparisons) {
      return Fail(
          at_, absl::StrCat("the filter has more than ", limits_.max_comparisons, " comparisons"));
    }
    auto node = std::make_unique<Node>();
    node->position = PositionAt(text_, at_);
    KABAR_RETURN_IF_ERROR(ParseField(*node));
    SkipBlanks();
    if (!AtEnd() && text_[at_] == '(') {
      KABAR_RETURN_IF_ERROR(ParseArguments(*node, depth));
      SkipBlanks();
      if (AtEnd() || !IsOpChar(text_[at_])) {
        node->kind = NodeKind::kCall;
        return node;
      }
    }
    KABAR_RETURN_IF_ERROR(ParseOp(*node));
    SkipBlanks();
    KABAR_RETURN_IF_ERROR(ParseValue(node->value));
    SkipBlanks();
    return node;
  }

  absl::Status ParseField(Node& node) {
    const std::size_t start = at_;
    for (bool first = true;; first = false) {
      if (!AtEnd() && !first && (text_[at_] == '"' || text_[at_] == '\'')) {
        Value part;
        KABAR_RETURN_IF_ERROR(ParseQuoted(part));
        absl::StrAppend(&node.field, part.text);
      } else {
        const absl::string_view word = PeekWord();
        if (word.empty()) return FailAtField(start, first);
        if (first && (absl::EqualsIgnoreCase(word, "AND") || absl::EqualsIgnoreCase(word, "OR"))) {
          return Fail(at_, absl::StrCat("a comparison was expected before ", word));
        }
        absl::StrAppend(&node.field, word);
        at_ += word.size();
      }
      if (AtEnd() || text_[at_] != '.') return absl::OkStatus();
      node.field.push_back('.');
      ++at_;
    }
  }

  absl::Status ParseArguments(Node& node, int depth) {
    const std::size_t open = at_++;
    node.is_call = true;
    SkipBlanks();
    if (!AtEnd() && text_[at_] == ')') {
      ++at_;
      return absl::OkStatus();
    }
    for (;;) {
      KABAR_RETURN_IF_ERROR(ParseArgument(node.arguments.emplace_back(), depth));
      SkipBlanks();
      if (AtEnd()) return Fail(open, "this bracket is never closed; add a )");
      const char c = text_[at_];
      if (c != ',' && c != ')') return FailInArguments(at_);
      ++at_;
      if (c == ')') return absl::OkStatus();
      SkipBlanks();
    }
  }

  absl::Status ParseArgument(Argument& argument, int depth) {
    argument.value.position = PositionAt(text_, at_);
    if (!AtEnd() && text_[at_] == '(') {
      KABAR_ASSIGN_OR_RETURN(argument.condition, ParseBrackets(depth));
      return absl::OkStatus();
    }
    const std::size_t start = at_;
    const bool quoted = !AtEnd() && (text_[at_] == '"' || text_[at_] == '\'');
    KABAR_RETURN_IF_ERROR(quoted ? ParseQuoted(argument.value) : ParseBare(argument.value));
    if (!quoted && absl::StrContains(argument.value.text, ':')) return FailInArguments(start);
    return absl::OkStatus();
  }

  absl::Status FailInArguments(std::size_t offset) const {
    return Fail(offset,
                "a comma or a closing bracket was expected; a condition needs brackets of its "
                "own, as in shipments.count((status = \"Delivered\"), 30d)");
  }

  absl::Status FailAtField(std::size_t start, bool first) const {
    if (!first) return Fail(at_, "a field's name was expected after the dot");
    if (AtEnd()) return Fail(at_, "the filter ends where a comparison was expected");
    if (text_[at_] == '"' || text_[at_] == '\'') {
      return Fail(start,
                  "a value alone does not say where to look; write field = value, as in "
                  "city = \"Jakarta\"");
    }
    if (text_[at_] == ')') return Fail(at_, "a comparison was expected before the bracket");
    return Fail(at_, "a field's name was expected here");
  }

  absl::Status ParseOp(Node& node) {
    node.op_position = PositionAt(text_, at_);
    if (AtEnd()) {
      return Fail(at_, absl::StrCat("the filter ends after ", node.field,
                                    "; an operator (= != < <= > >= :) and a value were expected"));
    }
    const absl::string_view rest = text_.substr(at_);
    static constexpr std::pair<absl::string_view, Op> kOps[] = {
        {"!=", Op::kNotEqual}, {"<=", Op::kLessOrEqual}, {">=", Op::kGreaterOrEqual},
        {"=", Op::kEqual},     {"<", Op::kLess},         {">", Op::kGreater},
        {":", Op::kHas},
    };
    if (absl::StartsWith(rest, "==")) return Fail(at_, "write = instead of ==");
    if (absl::StartsWith(rest, "<>")) return Fail(at_, "write != instead of <>");
    if (absl::StartsWith(rest, "=<") || absl::StartsWith(rest, "=>")) {
      return Fail(at_, "write <= or >=, the = behind");
    }
    for (const auto& [text, op] : kOps) {
      if (!absl::StartsWith(rest, text)) continue;
      node.op = op;
      at_ += text.size();
      return absl::OkStatus();
    }
    return Fail(at_,
                absl::StrCat("an operator (= != < <= > >= :) was expected after ", node.field));
  }

  absl::Status ParseValue(Value& value) {
    if (AtEnd()) return Fail(at_, "the filter ends where a value was expected");
    if (text_[at_] == '"' || text_[at_] == '\'') return ParseQuoted(value);
    if (text_[at_] == '(') {
      return Fail(
          at_,
          "a list of values is not allowed here; write (a = 1 OR a = 2), or quote the value "
          "if the bracket is part of it");
    }
    KABAR_RETURN_IF_ERROR(ParseBare(value));
    return ParseSum(value);
  }

  absl::Status ParseBare(Value& value) {
    if (AtEnd()) return Fail(at_, "the filter ends where a value was expected");
    value.position = PositionAt(text_, at_);
    TakeBare(value);
    if (value.text.empty()) return Fail(at_, "a value was expected here");
    for (const absl::string_view keyword : {"AND", "OR", "NOT"}) {
      if (absl::EqualsIgnoreCase(value.text, keyword)) {
        return FilterError(value.position, absl::StrCat("a value was expected before ", value.text,
                                                        "; quote it if it is the value"));
      }
    }
    return absl::OkStatus();
  }

  void TakeBare(Value& value) {
    while (!AtEnd() && !EndsBareValue(text_[at_])) {
      if (text_[at_] == '*') value.stars.push_back(value.text.size());
      value.text.push_back(text_[at_++]);
    }
  }

  // The rest of `today + 1d`, however many blanks it has.
  absl::Status ParseSum(Value& value) {
    std::string word = absl::AsciiStrToLower(value.text);
    if (word == "today" || word == "now") {
      const std::size_t end = at_;
      SkipBlanks();
      if (AtEnd() || (text_[at_] != '+' && text_[at_] != '-')) {
        at_ = end;
        return absl::OkStatus();
      }
      word.push_back(text_[at_++]);
      value.text.push_back(word.back());
    } else if (!absl::StartsWith(word, "today+") && !absl::StartsWith(word, "today-") &&
               !absl::StartsWith(word, "now+") && !absl::StartsWith(word, "now-")) {
      return absl::OkStatus();
    }
    value.sum = true;
    if (word.back() != '+' && word.back() != '-') return absl::OkStatus();
    SkipBlanks();
    const std::size_t before = value.text.size();
    TakeBare(value);
    if (value.text.size() > before) return absl::OkStatus();
    return Fail(at_, "a span of time was expected here, as in today + 1d");
  }

  absl::Status ParseQuoted(Value& value) {
    value.position = PositionAt(text_, at_);
    value.quoted = true;
    const char quote = text_[at_++];
    for (; !AtEnd(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return absl::OkStatus();
      }
      if (c == '\\') {
        if (++at_ >= text_.size()) break;
        c = text_[at_];
        if (c == 'n') {
          c = '\n';
        } else if (c == 't') {
          c = '\t';
        } else if (c != '"' && c != '\'' && c != '\\' && c != '*') {
          return Fail(at_ - 1,
                      "a backslash stands only before \" ' \\ * n t; write \\\\ for itself");
        }
      } else if (c == '*') {
        value.stars.push_back(value.text.size());
      }
      value.text.push_back(c);
    }
    return FilterError(value.position, "this quote is never closed");
  }

  absl::string_view text_;
  const Limits& limits_;
  std::size_t at_ = 0;
  int comparisons_ = 0;
};

}  // namespace

absl::StatusOr<NodePtr> Parse(absl::string_view text, const Limits& limits) {
  return Parser(text, limits).Run();
}

}  // namespace kabar::filter_lang
