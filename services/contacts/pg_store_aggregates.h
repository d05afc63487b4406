// What a filter says of all that belongs to a contact, such as shipments.count(30d) > 5, as SQL
// over `contacts c`; private to the store's files.
//
// Thread safety: pure function. Nothing blocks.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_AGGREGATES_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_AGGREGATES_H_

#include "absl/status/statusor.h"
#include "libs/filter_lang/sql.h"

namespace kabar::contacts {

// Of a comparison with an aggregation.
absl::StatusOr<filter_lang::FieldSql> AggregationSql(const filter_lang::Comparison& comparison,
                                                     filter_lang::SqlParams& params);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_AGGREGATES_H_
