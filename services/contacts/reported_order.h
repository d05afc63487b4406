// What triggers tell of an order is kept as a fact of its contact, who is created if nobody knew
// him.
//
// Thread safety: as the unit. Blocks: some statements. Errors: the store's. An order of a contact
// id that is gone, or that was reported before its contact was erased, changes nothing.
#ifndef KABAR_SERVICES_CONTACTS_REPORTED_ORDER_H_
#define KABAR_SERVICES_CONTACTS_REPORTED_ORDER_H_

#include "absl/status/status.h"
#include "services/contacts/store.h"

namespace kabar::events::v1 {
class Event;
}

namespace kabar::contacts {

// `event` holds an order_reported.
absl::Status ApplyOrder(Store::Unit& unit, const events::v1::Event& event);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_REPORTED_ORDER_H_
