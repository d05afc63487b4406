// Cuts the inside of a {{tag}} into words; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_SCANNER_H_
#define KABAR_LIBS_TEMPLATE_LANG_SCANNER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::template_lang {

enum class TokenKind {
  kName,      // nama, shipment.status, @number
  kString,    // "..." or '...', unescaped in `text`
  kHash,      // #
  kSlash,     // /
  kPipe,      // |
  kAssign,    // =
  kEqual,     // ==
  kNotEqual,  // !=
  kOpen,      // (
  kClose,     // )
  kEnd,       // }}
  kError,     // `text` says what is wrong
};

struct Token {
  TokenKind kind = TokenKind::kError;
  size_t offset = 0;  // of its first byte in the source
  std::string text;
};

// The bytes of the identifier at the front of `text`, 0 if there is none: letters, digits and
// underscores, not beginning with a digit; words joined by single '.' or '-'.
size_t NameLength(absl::string_view text);

class Scanner {
 public:
  explicit Scanner(absl::string_view source) : source_(source) {}

  // `offset` is the first byte after "{{".
  void StartTag(size_t offset) {
    tag_ = offset - 2;
    offset_ = offset;
  }
  // A single = only where it may stand.
  Token Next(bool may_assign = false);
  // After kEnd: the first byte after "}}".
  size_t offset() const { return offset_; }

 private:
  Token Make(TokenKind kind, size_t start, size_t length);
  Token Error(size_t at, absl::string_view message) const;
  Token ScanString();
  Token ScanSign(bool may_assign);

  absl::string_view source_;
  size_t tag_ = 0;  // where the tag in hand begins
  size_t offset_ = 0;
};

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_SCANNER_H_
