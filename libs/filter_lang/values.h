// How a comparison's right side is read, by the type of what it is compared with; private to the
// library.
//
// Thread safety: pure functions. Nothing blocks. Errors: FilterError with the value's position.
#ifndef KABAR_LIBS_FILTER_LANG_VALUES_H_
#define KABAR_LIBS_FILTER_LANG_VALUES_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/filter_lang/schema.h"

namespace kabar::filter_lang {

// "= != <": the operators that a type allows.
absl::string_view AllowedOps(FieldType type);

// -?[0-9]+(.[0-9]+)?
bool IsNumber(absl::string_view text);

// A date, a moment, today, now + 2h.
bool IsTime(const Value& value, absl::TimeZone zone, absl::Time now);

// 30d, 2w, 12h, 90min.
struct Span {
  int days = 0;
  absl::Duration time = absl::ZeroDuration();
};
std::optional<Span> ParseSpan(absl::string_view text);

absl::StatusOr<TypedValue> TypeValue(const Field& field, const Node& node, absl::TimeZone zone,
                                     absl::Time now);

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_VALUES_H_
