// Lines of CSV, and texts in them that a spreadsheet must not take for a formula.
//
// A spreadsheet runs a cell that begins with = + - @ as a formula. An apostrophe in front keeps it
// a text; whoever reads the file takes that apostrophe away again, so that a text comes back as it
// was, whatever it begins with.
//
// Thread safety: pure functions. Nothing blocks, nothing fails.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kabar::base {

// One line, quoted where needed, with "\n".
std::string CsvLine(const std::vector<std::string>& fields, char delimiter = ',');

// With an apostrophe in front where a spreadsheet would see a formula, or where that apostrophe
// would be taken for this one.
std::string GuardFormula(absl::string_view text);
// The text again.
absl::string_view UnguardFormula(absl::string_view cell);

}  // namespace kabar::base
