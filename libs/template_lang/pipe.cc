// The part of the compiler that reads filters: | date "d MMMM" | default "segera".
#include "absl/strings/str_cat.h"
#include "libs/template_lang/compiler.h"
#include "libs/template_lang/date_pattern.h"

namespace kabar::template_lang {

// `token_` is what stands behind the name; what stands behind the last filter after it.
bool Compiler::CompilePipe(bool blank_allowed, Pipe* pipe) {
  while (token_.kind == TokenKind::kPipe) {
    if (pipe->size() >= kMaxFilters) {
      return builder_.Fail(token_.offset,
                           absl::StrCat("a value goes through at most ", kMaxFilters, " filters"));
    }
    if (!Advance() || !CompileFilter(blank_allowed, pipe)) return false;
  }
  return true;
}

// `token_` is the first one behind the |.
bool Compiler::CompileFilter(bool blank_allowed, Pipe* pipe) {
  const Token name = token_;
  Filter filter;
  // A text alone is short for default.
  if (name.kind != TokenKind::kString) {
    const std::optional<FilterKind> kind =
        name.kind == TokenKind::kName ? FilterOfName(name.text) : std::nullopt;
    if (!kind.has_value()) {
      return builder_.Fail(
          name.offset,
          "after | comes date \"d MMMM\", rupiah, title, upper, lower or a default "
          "text in quotes, such as {{estimasi | default \"segera\"}}");
    }
    filter.kind = *kind;
    if (!Advance()) return false;
  }
  if (filter.kind == FilterKind::kDefault || filter.kind == FilterKind::kDate) {
    if (token_.kind != TokenKind::kString) {
      return builder_.Fail(token_.offset,
                           filter.kind == FilterKind::kDate
                               ? "date takes its pattern in quotes: date \"d MMMM\""
                               : "default takes its text in quotes: default \"segera\"");
    }
    if (filter.kind == FilterKind::kDate) {
      if (std::string fault = DatePatternFault(token_.text); !fault.empty()) {
        return builder_.Fail(token_.offset, std::move(fault));
      }
    } else if (!blank_allowed && !CheckParameterText(token_)) {
      return false;
    }
    filter.text = builder_.AddText(token_.text);
    if (!Advance()) return false;
  }
  pipe->push_back(filter);
  return CheckDefault(*pipe, name.offset);
}

// A default goes through the filters behind it, so that one which they refuse would fail the very
// recipients it is for. `offset` is that of the last filter.
bool Compiler::CheckDefault(const Pipe& pipe, size_t offset) {
  const Program& program = builder_.program();
  std::string value;
  std::string filtered;
  for (const Filter& filter : pipe) {
    if (filter.kind == FilterKind::kDefault) {
      if (value.empty()) value = std::string(program.Text(filter.text));
      continue;
    }
    if (value.empty()) continue;
    const absl::string_view text =
        filter.text == kNoText ? absl::string_view() : program.Text(filter.text);
    if (!ApplyFilter(filter.kind, text, value, WesternIndonesia(), &filtered)) {
      return builder_.Fail(offset, absl::StrCat("this filter cannot read the default \"", value,
                                                "\" before it: put the default last"));
    }
    value = filtered;
  }
  return true;
}

}  // namespace kabar::template_lang
