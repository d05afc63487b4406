// What an outlet writes as a shipment's estimate ("2 hari", "besok", "22/11/2026 14:00"), as a time
// in SQL; private to the store's files.
//
// Thread safety: pure function. Nothing blocks.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_ESTIMATE_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_ESTIMATE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::contacts {

// Of the column of a row of shipments (`s.estimate`): a timestamptz, NULL where no time can be
// read. What is no date ("14:00", "besok", "2-3 hari": the later one) counts from the day of the
// row's last update. `offset`: an expression, that of the zone from UTC as an interval.
std::string EstimateTimeSql(absl::string_view row, absl::string_view column,
                            absl::string_view offset);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_ESTIMATE_H_
