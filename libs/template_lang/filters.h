// What stands behind a | in a tag: turns one value into another; private to this library.
//
// Thread safety: free functions. Blocks: never. Errors: false where a value is not what the filter
// takes.
#ifndef KABAR_LIBS_TEMPLATE_LANG_FILTERS_H_
#define KABAR_LIBS_TEMPLATE_LANG_FILTERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::template_lang {

inline constexpr uint32_t kNoText = UINT32_MAX;

enum class FilterKind : uint8_t {
  kDefault,  // the text for a missing value; every other filter leaves a missing value alone
  kDate,     // a day or time by the pattern in the text
  kRupiah,   // Rp1.250.000
  kTitle,    // Budi Santoso
  kUpper,
  kLower,
};

struct Filter {
  FilterKind kind = FilterKind::kDefault;
  uint32_t text = kNoText;  // kDefault, kDate: its text in the program
};

// Filters from left to right.
using Pipe = std::vector<Filter>;

bool HasDefault(const Pipe& pipe);

// By its name in a template, in any case.
std::optional<FilterKind> FilterOfName(absl::string_view name);

// All but default. Puts what becomes of `value` into `out`; `text` is the filter's own.
bool ApplyFilter(FilterKind kind, absl::string_view text, absl::string_view value,
                 absl::TimeZone zone, std::string* out);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_FILTERS_H_
