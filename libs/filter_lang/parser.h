// The filter language: a subset of AIP-160 in which everything that could be misread is refused.
//
//   filter     = [ expression ]
//   expression = factor { "AND" factor } | factor { "OR" factor }
//   factor     = [ "NOT" | "-" ] ( comparison | "(" expression ")" )
//   comparison = ( field | call ) ( "=" | "!=" | "<" | "<=" | ">" | ">=" | ":" ) value | call
//   field      = name { "." name }       e.g. shipment.status, attributes."Jenis Paket"
//   value      = "text" | 'text' | bare  a bare value ends at a blank or a bracket
//              | ( "today" | "now" ) ( "+" | "-" ) bare      e.g. today + 1d
//   call       = field "(" [ argument { "," argument } ] ")"
//   argument   = "text" | 'text' | bare | "(" expression ")"
//
// Decisions (README.md gives the reasons): AND and OR side by side without brackets are refused,
// because AIP-160 binds OR tighter than AND and nearly everybody expects the opposite; a value
// without a field and a blank as AND, which AIP-160 also has, are refused; AND, OR and NOT may be
// written small; a `*` in a text value is a wildcard unless written \*.
//
// Thread safety: free function. Blocks: no. Errors: FilterError with the position.
#ifndef KABAR_LIBS_FILTER_LANG_PARSER_H_
#define KABAR_LIBS_FILTER_LANG_PARSER_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/filter_lang/ast.h"

namespace kabar::filter_lang {

struct Limits {
  std::size_t max_bytes = 4096;
  int max_depth = 20;  // brackets and NOTs inside each other
  int max_comparisons = 100;
};

// A null pointer for an empty filter, which matches everything.
absl::StatusOr<std::unique_ptr<Node>> Parse(absl::string_view text, const Limits& limits = {});

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_PARSER_H_
