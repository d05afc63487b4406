#include "libs/template_lang/compiler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/template_lang/condition.h"

namespace kabar::template_lang {
namespace {

constexpr size_t kMaxWarnings = 50;

// How far ahead a lone brace is looked at to tell a slip from text that just has braces.
constexpr size_t kSlipBytes = 80;

// "{ nama }", "{estimasi | ...}", "{#if ...}": what someone meant as a tag.
bool LooksLikeTag(absl::string_view after_brace) {
  const absl::string_view ahead = after_brace.substr(0, kSlipBytes);
  const size_t end = ahead.find_first_of("}\n{");
  if (end == absl::string_view::npos || ahead[end] != '}') return false;
  const absl::string_view inside = absl::StripAsciiWhitespace(ahead.substr(0, end));
  if (inside.empty()) return false;
  if (inside[0] == '#' || inside[0] == '/' || inside[0] == '!' || inside[0] == '@') return true;
  const size_t name = NameLength(inside);
  if (name == 0) return false;
  const absl::string_view rest = absl::StripLeadingAsciiWhitespace(inside.substr(name));
  return rest.empty() || rest[0] == '|' || rest[0] == '"' || NameLength(rest) > 0;
}

// Comments and the tags of loops: alone on their lines they leave no empty ones behind.
bool TakesItsLine(absl::string_view inside) {
  if (absl::StartsWith(inside, "!")) return true;
  inside = absl::StripLeadingAsciiWhitespace(inside);
  if (!absl::ConsumePrefix(&inside, "#") && !absl::ConsumePrefix(&inside, "/")) return false;
  return absl::StartsWithIgnoreCase(absl::StripLeadingAsciiWhitespace(inside), "each");
}

bool IsBlankInLine(char byte) { return byte == ' ' || byte == '\t'; }

}  // namespace

Compiler::Compiler(absl::string_view source, Program* program)
    : source_(source), builder_(source, program), scanner_(source) {
  program->pool = std::string(source);
  program->pipes.emplace_back();
}

bool Compiler::Run() {
  if (const std::optional<size_t> invalid = FirstInvalidByte(source_)) {
    return builder_.Fail(*invalid, source_[*invalid] == '\0'
                                       ? "a NUL character cannot be sent: remove it"
                                       : "this byte is not UTF-8: save the text as UTF-8");
  }
  while (true) {
    const size_t brace = source_.find('{', at_);
    if (brace == absl::string_view::npos) return FlushText(source_.size()) && Finish();
    if (absl::StartsWith(source_.substr(brace), "{{")) {
      const bool done = TakesItsLine(source_.substr(brace + 2))
                            ? CompileTagOfLine(brace)
                            : FlushText(brace) && CompileTag(brace);
      if (!done) return false;
      text_start_ = at_;
      continue;
    }
    bool is_variable = false;
    if (!CompileSingleBrace(brace, &is_variable)) return false;
    if (!is_variable) {
      NoteLiteralBrace(brace);
      at_ = brace + 1;
    }
  }
}

// Looks no further than the text and the blanks around the tag: many on one line cost no more than
// few. What stands before the text is a tag, or the line break that it took.
bool Compiler::CompileTagOfLine(size_t brace) {
  size_t line = brace;
  while (line > text_start_ && IsBlankInLine(source_[line - 1])) --line;
  const size_t close = source_.find("}}", brace);
  size_t end = close == absl::string_view::npos ? source_.size() : close + 2;
  while (end < source_.size() && IsBlankInLine(source_[end])) ++end;
  const absl::string_view rest = source_.substr(end);
  bool ends = true;
  if (absl::StartsWith(rest, "\r\n")) {
    end += 2;
  } else if (absl::StartsWith(rest, "\n")) {
    end += 1;
  } else if (!rest.empty()) {
    ends = false;
  }
  const bool alone = ends && (line == 0 || source_[line - 1] == '\n');
  if (!FlushText(alone ? line : brace) || !CompileTag(brace)) return false;
  if (alone) at_ = end;
  return true;
}

bool Compiler::FlushText(size_t end) {
  if (end == text_start_) return true;
  const size_t length = end - text_start_;
  AddFixedText(source_.substr(text_start_, length));
  return builder_.Add(
      Op{Code::kText, true, static_cast<uint32_t>(text_start_), static_cast<uint32_t>(length), 0},
      text_start_);
}

// Not where an {{#if}} around it has found the same value there.
void Compiler::Need(uint32_t slot) {
  for (const Frame& frame : frames_) {
    if (std::find(frame.present.begin(), frame.present.end(), slot) != frame.present.end()) return;
  }
  builder_.Need(slot);
}

void Compiler::AddFixedText(absl::string_view text) {
  const size_t characters = CountCharacters(text);
  block_.shortest += characters;
  block_.longest += characters;
}

bool Compiler::CompileSingleBrace(size_t brace, bool* is_variable) {
  const absl::string_view rest = source_.substr(brace + 1);
  const size_t length = NameLength(rest.substr(0, kMaxNameBytes + 1));
  if (length == 0 || length > kMaxNameBytes || length >= rest.size() || rest[length] != '}') {
    return true;
  }
  const absl::string_view name = rest.substr(0, length);
  if (IsReserved(name)) {
    return builder_.Fail(brace, absl::StrCat("{", name,
                                             "} is a word of the language, no variable: "
                                             "it takes two braces, such as {{else}}"));
  }
  *is_variable = true;
  if (!FlushText(brace)) return false;
  uint32_t slot = 0;
  if (!builder_.FindSlot(name, brace, /*printed=*/true, &slot) ||
      !builder_.Add(Op{Code::kPrint, true, slot, 0, 0}, brace)) {
    return false;
  }
  Need(slot);
  text_start_ = at_ = brace + length + 2;
  if (absl::StartsWith(source_.substr(at_), "}") &&
      builder_.program().warnings.size() < kMaxWarnings) {
    builder_.program().warnings.push_back(
        {builder_.At(brace), absl::StrCat("{", name,
                                          "} is followed by a brace too many, which "
                                          "will be sent: write {",
                                          name, "} or {{", name, "}}")});
  }
  return true;
}

void Compiler::NoteLiteralBrace(size_t brace) {
  if (builder_.program().warnings.size() >= kMaxWarnings) return;
  if (!LooksLikeTag(source_.substr(brace + 1))) return;
  const size_t end = source_.find('}', brace);
  const absl::string_view written = source_.substr(brace, end + 1 - brace);
  builder_.program().warnings.push_back(
      {builder_.At(brace),
       absl::StrCat(written, " will be sent just as it is: a tag takes two braces, {", written,
                    "}, a variable in single braces no spaces")});
}

bool Compiler::Advance(bool may_assign) {
  token_ = scanner_.Next(may_assign);
  return token_.kind != TokenKind::kError || builder_.Fail(token_.offset, token_.text);
}

bool Compiler::IsWord(absl::string_view word) const {
  return token_.kind == TokenKind::kName && absl::EqualsIgnoreCase(token_.text, word);
}

bool Compiler::CompileTag(size_t brace) {
  if (absl::StartsWith(source_.substr(brace), "{{{")) {
    return builder_.Fail(brace,
                         "three braces mean nothing: write {{nama}}, and a brace that "
                         "shall be sent as {{\"{\"}}");
  }
  tag_ = brace;
  if (absl::StartsWith(source_.substr(brace + 2), "!")) return CompileComment();
  scanner_.StartTag(brace + 2);
  if (!Advance()) return false;
  if (token_.kind == TokenKind::kHash) return CompileHash();
  if (token_.kind == TokenKind::kSlash) return CompileSlash();
  if (token_.kind == TokenKind::kString) return CompileText();
  if (IsWord("else")) return CompileElse();
  if (IsWord("if")) return builder_.Fail(token_.offset, "a condition begins with {{#if: add the #");
  if (token_.kind == TokenKind::kName && !IsReserved(token_.text)) return CompilePrint();
  return builder_.Fail(
      token_.offset,
      "a {{ }} tag holds a variable such as {{nama}}, or #if, else, /if, "
      "#each, /each, provider or a !comment; braces that shall be sent are written {{\"{{\"}}");
}

// `token_` is what should be the }}.
bool Compiler::CloseTag(absl::string_view expected) {
  if (token_.kind != TokenKind::kEnd) {
    return builder_.Fail(token_.offset, absl::StrCat("expected ", expected));
  }
  at_ = scanner_.offset();
  return true;
}

bool Compiler::CompileComment() {
  const size_t end = source_.find("}}", tag_);
  if (end == absl::string_view::npos) {
    return builder_.Fail(tag_, "this comment is never closed: add }}");
  }
  at_ = end + 2;
  return true;
}

bool Compiler::CompileHash() {
  if (!Advance()) return false;
  if (IsWord("if")) return CompileIf();
  if (IsWord("each")) return CompileEach();
  return builder_.Fail(
      token_.offset,
      "after {{# only if and each are known: write {{#if ...}} or {{#each parcels}}");
}

bool Compiler::CheckDepth() {
  if (frames_.size() < kMaxDepth) return true;
  return builder_.Fail(tag_, absl::StrCat("ifs are nested deeper than ", kMaxDepth,
                                          ": join conditions with and, or use {{else if}}"));
}

void Compiler::PushFrame(Frame frame) {
  frame.outer = std::exchange(block_, Block());
  block_.start = frame.start;
  frames_.push_back(std::move(frame));
}

bool Compiler::CompileIf() {
  if (!CheckDepth()) return false;
  Frame frame;
  frame.offset = tag_;
  frame.start = builder_.At(tag_);
  if (!Advance() ||
      !CompileCondition(&scanner_, &token_, &builder_, &frame.to_next, &frame.present) ||
      !CloseTag("and, or, == , != or }} after the condition")) {
    return false;
  }
  PushFrame(std::move(frame));
  return true;
}

bool Compiler::CompileElse() {
  if (frames_.empty() || frames_.back().is_each) {
    return builder_.Fail(tag_, "this {{else}} belongs to no {{#if}}: remove it or add the if");
  }
  Frame& frame = frames_.back();
  if (frame.has_else) {
    return builder_.Fail(tag_, absl::StrCat("the if of line ", frame.start.line,
                                            " has its {{else}} already: this one can never be "
                                            "reached"));
  }
  FinishBranch();
  block_.start = builder_.At(tag_);
  frame.to_end.push_back(builder_.next());
  if (!builder_.Add(Op{Code::kJump, true, 0, 0, 0}, tag_)) return false;
  builder_.LandHere(frame.to_next);
  frame.to_next.clear();
  frame.present.clear();
  if (!Advance()) return false;
  if (!IsWord("if")) {
    frame.has_else = true;
    return CloseTag("}} or if after else");
  }
  return Advance() &&
         CompileCondition(&scanner_, &token_, &builder_, &frame.to_next, &frame.present) &&
         CloseTag("and, or, == , != or }} after the condition");
}

// Takes the branch that ends here into its frame and leaves an empty block.
void Compiler::FinishBranch() {
  Frame& frame = frames_.back();
  frame.shortest = std::min(frame.shortest, block_.shortest);
  frame.longest = std::max(frame.longest, block_.longest);
  if (block_.names_provider) {
    frame.names_provider = true;
    std::move(block_.gaps.begin(), block_.gaps.end(), std::back_inserter(frame.gaps));
  } else {
    frame.gaps.push_back({block_.start, "this branch names no provider template"});
  }
  block_ = Block();
}

bool Compiler::CompileSlash() {
  if (!Advance()) return false;
  const bool is_each = IsWord("each");
  if (!is_each && !IsWord("if")) {
    return builder_.Fail(token_.offset,
                         "after {{/ only if and each are known: write {{/if}} or {{/each}}");
  }
  const char* const word = is_each ? "each" : "if";
  if (frames_.empty()) {
    return builder_.Fail(tag_, absl::StrCat("this {{/", word, "}} closes no {{#", word,
                                            "}}: remove it or add the ", word));
  }
  if (const Frame& open = frames_.back(); open.is_each != is_each) {
    const char* const other = is_each ? "if" : "each";
    return builder_.Fail(tag_,
                         absl::StrCat("the {{#", other, "}} of line ", open.start.line,
                                      " is still open: close it with {{/", other, "}} first"));
  }
  if (!Advance() || !CloseTag(absl::StrCat("}} after {{/", word))) return false;
  return is_each ? CloseEach() : CloseIf();
}

bool Compiler::CloseIf() {
  FinishBranch();
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  builder_.LandHere(frame.to_next);
  builder_.LandHere(frame.to_end);
  if (!frame.has_else) {
    frame.shortest = 0;
    frame.gaps.push_back({frame.start,
                          "where no condition of this if holds, no provider template "
                          "is named: add {{else}}"});
  }
  block_ = std::move(frame.outer);
  block_.shortest += frame.shortest;
  block_.longest += frame.longest;
  if (frame.names_provider) {
    block_.names_provider = true;
    block_.gaps = std::move(frame.gaps);
  }
  return true;
}

bool Compiler::CompileText() {
  const uint32_t text = builder_.AddText(token_.text);
  const Piece piece = builder_.program().texts[text];
  AddFixedText(token_.text);
  return builder_.Add(Op{Code::kText, true, piece.offset, piece.length, 0}, tag_) && Advance() &&
         CloseTag("}} after the quoted text");
}

bool Compiler::CompilePrint() {
  const Token name = token_;
  if (!Advance()) return false;
  if (token_.kind == TokenKind::kString && absl::EqualsIgnoreCase(name.text, "provider")) {
    return CompileProvider();
  }
  uint32_t slot = 0;
  if (!builder_.FindSlot(name.text, name.offset, /*printed=*/true, &slot)) return false;
  Pipe pipe;
  if (!CompilePipe(/*blank_allowed=*/true, &pipe)) return false;
  if (!HasDefault(pipe)) Need(slot);
  Op op{Code::kPrint, true, slot, 0, 0};
  if (pipe.size() == 1 && pipe[0].kind == FilterKind::kDefault) {
    op.code = Code::kPrintOr;
    op.b = pipe[0].text;
  } else if (!pipe.empty()) {
    op.code = Code::kPrintPipe;
    op.b = builder_.AddPipe(std::move(pipe));
  }
  return builder_.Add(op, tag_) && CloseTag(absl::StrCat("}} or | and a filter after ", name.text));
}

bool Compiler::Finish() {
  if (!frames_.empty()) {
    const Frame& open = frames_.back();
    return builder_.Fail(open.offset, open.is_each ? "this {{#each}} is never closed: add {{/each}}"
                                                   : "this {{#if}} is never closed: add {{/if}}");
  }
  Program& program = builder_.program();
  program.ops.push_back(Op{});
  program.shortest_fixed_text = block_.shortest;
  program.longest_fixed_text = block_.longest;
  if (block_.names_provider) {
    program.paths_without_provider = std::move(block_.gaps);
  } else {
    program.paths_without_provider.push_back(
        {Position(), "the template names no provider template"});
  }
  return true;
}

}  // namespace kabar::template_lang
