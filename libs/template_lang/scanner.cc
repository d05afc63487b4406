#include "libs/template_lang/scanner.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

bool IsWord(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Phones and word processors turn quotes into these by themselves.
bool StartsWithCurlyQuote(absl::string_view text) {
  for (const char* quote : {"\u201C", "\u201D", "\u201E", "\u2018", "\u2019"}) {
    if (absl::StartsWith(text, quote)) return true;
  }
  return false;
}

}  // namespace

size_t NameLength(absl::string_view text) {
  if (text.empty() || !IsWord(text[0]) ||
      absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    return 0;
  }
  size_t length = 1;
  while (length < text.size()) {
    const char c = text[length];
    const bool joins =
        (c == '.' || c == '-') && length + 1 < text.size() && IsWord(text[length + 1]);
    if (!IsWord(c) && !joins) break;
    length += joins ? 2 : 1;
  }
  return length;
}

Token Scanner::Make(TokenKind kind, size_t start, size_t length) {
  offset_ = start + length;
  return Token{kind, start, std::string(source_.substr(start, length))};
}

Token Scanner::Error(size_t at, absl::string_view message) const {
  return Token{TokenKind::kError, at, std::string(message)};
}

Token Scanner::Next(bool may_assign) {
  while (offset_ < source_.size() &&
         absl::ascii_isspace(static_cast<unsigned char>(source_[offset_]))) {
    ++offset_;
  }
  const absl::string_view rest = source_.substr(offset_);
  if (rest.empty()) return Error(tag_, "this {{ tag is never closed: add }}");
  const size_t at_sign = rest[0] == '@' ? 1 : 0;
  if (size_t length = NameLength(rest.substr(at_sign)); length > 0) {
    length += at_sign;
    if (length > kMaxNameBytes) {
      return Error(offset_, absl::StrCat("this name is longer than ", kMaxNameBytes,
                                         " characters: use a shorter one"));
    }
    return Make(TokenKind::kName, offset_, length);
  }
  if (rest[0] == '"' || rest[0] == '\'') return ScanString();
  return ScanSign(may_assign);
}

Token Scanner::ScanSign(bool may_assign) {
  const absl::string_view rest = source_.substr(offset_);
  if (absl::StartsWith(rest, "}}")) return Make(TokenKind::kEnd, offset_, 2);
  if (absl::StartsWith(rest, "==")) return Make(TokenKind::kEqual, offset_, 2);
  if (absl::StartsWith(rest, "!=")) return Make(TokenKind::kNotEqual, offset_, 2);
  if (absl::StartsWith(rest, "&&")) return Error(offset_, "write and instead of &&");
  if (absl::StartsWith(rest, "||")) return Error(offset_, "write or instead of ||");
  if (StartsWithCurlyQuote(rest)) {
    return Error(offset_, "typographic quotes do not work here: write straight ones, \"...\"");
  }
  switch (rest[0]) {
    case '#':
      return Make(TokenKind::kHash, offset_, 1);
    case '/':
      return Make(TokenKind::kSlash, offset_, 1);
    case '|':
      return Make(TokenKind::kPipe, offset_, 1);
    case '(':
      return Make(TokenKind::kOpen, offset_, 1);
    case ')':
      return Make(TokenKind::kClose, offset_, 1);
    case '=':
      return may_assign ? Make(TokenKind::kAssign, offset_, 1)
                        : Error(offset_, "one = does not compare: write ==");
    case '!':
      return Error(offset_, "write not instead of !, or != to compare");
    case '}':
      return Error(offset_, "a {{ tag ends with two braces: write }}");
    case '{':
      return Error(offset_,
                   "a brace cannot stand inside a {{ }} tag: close the tag with }} first, and to "
                   "print braces write them in quotes, {{\"{\"}}");
    default:
      break;
  }
  if (absl::ascii_isdigit(static_cast<unsigned char>(rest[0]))) {
    return Error(offset_, "a number or text to compare with stands in quotes, such as \"0\"");
  }
  return Error(offset_,
               "this sign means nothing inside a {{ }} tag: names are made of letters, digits and "
               "_, texts stand in quotes");
}

Token Scanner::ScanString() {
  const size_t start = offset_;
  const char quote = source_[start];
  std::string text;
  for (size_t at = start + 1; at < source_.size(); ++at) {
    const char c = source_[at];
    if (c == quote) {
      offset_ = at + 1;
      return Token{TokenKind::kString, start, std::move(text)};
    }
    if (c == '\n' || c == '\r') break;
    if (c != '\\') {
      text.push_back(c);
      continue;
    }
    const char escaped = at + 1 < source_.size() ? source_[at + 1] : '\0';
    if (escaped != '"' && escaped != '\'' && escaped != '\\' && escaped != 'n') {
      return Error(at,
                   "after \\ in a quoted text only \", ', \\ and n are known: for a backslash "
                   "write \\\\");
    }
    text.push_back(escaped == 'n' ? '\n' : escaped);
    ++at;
  }
  return Error(start, absl::StrCat("this quoted text is not closed on its line: add ",
                                   absl::string_view(&quote, 1), " (a line break is \\n)"));
}

}  // namespace kabar::template_lang
