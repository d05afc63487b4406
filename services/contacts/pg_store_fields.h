// What the fields of segments and audiences are in SQL, over `contacts c` and `shipments s`;
// private to the store's files.
//
// Thread safety: pure functions. Nothing blocks.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_FIELDS_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_FIELDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/filter_lang/sql.h"
#include "services/contacts/segment.h"

namespace kabar::contacts {

// A field that follows from others, such as lifecycle or shipments_total.
std::string DerivedSql(const std::string& field);

// The filter as a condition; `s` may be all NULL.
absl::StatusOr<std::string> FilterSql(const SegmentFilter& filter, filter_lang::SqlParams& params);
// The same of a part of one.
absl::StatusOr<std::string> ConditionSql(const filter_lang::Checked* condition,
                                         filter_lang::SqlParams& params);

// On `c` alone: that one of his shipments, or he without one, is what the filter asks. $1 is the
// outlet.
absl::StatusOr<std::string> ContactSql(const SegmentFilter& filter, filter_lang::SqlParams& params);
// On `s` alone, of a filter whose parts ask nothing but what a shipment is.
absl::StatusOr<std::string> ShipmentSql(const SegmentFilter::Parts& parts,
                                        filter_lang::SqlParams& params);

// The value of a field as templates want it, text and never NULL; '' where there is none. Amounts
// are digits ('' for 0), yes is "ya" and no '', times stand in the zone `zone_sql` (an expression).
// A name that no field bears is that of a free attribute.
std::string ValueSql(absl::string_view field, const std::string& zone_sql,
                     filter_lang::SqlParams& params);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_FIELDS_H_
