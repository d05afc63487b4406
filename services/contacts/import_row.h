// One record of a file -> what it says about a contact and perhaps a shipment, or why it is
// refused.
//
// Thread safety: pure function. Nothing blocks. Errors: a RowProblem; a row is taken whole or not
// at all.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_ROW_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/contacts/contact.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/import_columns.h"

namespace kabar::contacts {

struct ImportRow {
  std::string phone;  // E.164
  std::string bsuid;
  ContactPatch contact;
  std::vector<Purpose> opt_ins;  // what the customer agreed to, as the file says
  std::string tracking_number;   // empty: the row has no shipment
  ShipmentPatch shipment;
};

// Reasons: FORMULA_ERROR, BAD_QUOTES, ROW_TOO_LARGE, COLUMN_COUNT, NOT_TEXT, TOO_LONG, REQUIRED,
// PHONE_<reason of libs/phone>, INVALID_TRACKING_NUMBER, INVALID_AMOUNT, INVALID_YES_NO,
// INVALID_TIME, INVALID_TIME_ZONE, INVALID_SCORE, INVALID_NUMBER, INVALID_DATE, INVALID_BOOLEAN (of
// attributes), NOT_A_VALUE (of an API's answer), TRACKING_NUMBER_MISSING (shipment values without
// the number they belong to).
struct RowProblem {
  int64_t row = 0;
  std::string column;  // header as written; empty: the row as a whole
  std::string reason;
  std::string message;  // never holds the cell's text
};

// nullopt and *row, which was empty, filled; or the first problem from the left.
std::optional<RowProblem> ReadImportRow(const CsvRecord& record, const ImportColumns& columns,
                                        absl::TimeZone zone, ImportRow* row);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_ROW_H_
