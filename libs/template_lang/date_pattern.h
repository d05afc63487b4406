// The patterns of {{x | date "d MMMM"}}: letters for the parts of a time, everything else as it is;
// private to this library.
//
// Thread safety: free functions. Blocks: never. Errors: the fault of a pattern, as a sentence.
#ifndef KABAR_LIBS_TEMPLATE_LANG_DATE_PATTERN_H_
#define KABAR_LIBS_TEMPLATE_LANG_DATE_PATTERN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace kabar::template_lang {

// What is wrong with it and what to do; empty if nothing is.
std::string DatePatternFault(absl::string_view pattern);

// Whether it shows hours, minutes or seconds.
bool DatePatternHasClock(absl::string_view pattern);

// By a pattern without fault, days and months in Indonesian.
void AppendDate(absl::CivilSecond time, absl::string_view pattern, std::string* out);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_DATE_PATTERN_H_
