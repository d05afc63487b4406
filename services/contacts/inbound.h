// What a customer's message does to his contact: he is created if nobody knew him, he was heard of
// now, and words like STOP are an opt-out for all purposes.
//
// Thread safety: as the unit. Blocks: some statements. Errors: the store's. A message without phone
// and BSUID changes nothing.
#ifndef KABAR_SERVICES_CONTACTS_INBOUND_H_
#define KABAR_SERVICES_CONTACTS_INBOUND_H_

#include "absl/status/status.h"
#include "services/contacts/store.h"

namespace kabar::events::v1 {
class Event;
}

namespace kabar::contacts {

// `event` holds an inbound_received.
absl::Status ApplyInbound(Store::Unit& unit, const events::v1::Event& event);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_INBOUND_H_
