// What a cell of a workbook says, as a person would type it into a CSV file: numbers, days and
// times, which the file holds as numbers with a format.
//
// Thread safety: pure functions. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_XLSX_CELLS_H_
#define KABAR_SERVICES_CONTACTS_XLSX_CELLS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::contacts {

enum class NumberStyle { kNumber, kDay, kDayAndTime, kTime };

// Of a number format: built-in ids have no code.
NumberStyle StyleOfBuiltIn(int format_id);
NumberStyle StyleOfCode(absl::string_view format_code);

// 6281234567890, 12.5. A whole number of more digits than a spreadsheet keeps (15) comes in
// scientific notation, so that phones and tracking numbers that lost their end are refused.
std::string NumberText(absl::string_view raw);

// 22/11/2026, 22/11/2026 08:30, 08:30. `from_1904`: the workbook counts its days from 1904. What is
// no day is written as a number.
std::string TimeText(absl::string_view raw, NumberStyle style, bool from_1904);

// 0 of "A5", 27 of "AB5"; -1 for what is no reference.
int ColumnOfReference(absl::string_view reference);

// "_x000D_" and its like, as workbooks write characters that XML cannot hold.
std::string UnescapeText(absl::string_view text);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_XLSX_CELLS_H_
