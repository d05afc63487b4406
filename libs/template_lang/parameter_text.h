// What the provider allows in a template parameter; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_PARAMETER_TEXT_H_
#define KABAR_LIBS_TEMPLATE_LANG_PARAMETER_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::template_lang {

// Appends `value` with each run of blanks that holds a line break or a tab, or is four or more
// long, turned into one space: the provider refuses the others (132000 and its kin).
void AppendParameterText(absl::string_view value, std::string* out);

// Of white space only, as base::Trim has it: no-break and zero-width spaces too.
bool IsBlank(absl::string_view value);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_PARAMETER_TEXT_H_
