// What a customer's message does to his contact: he is created if nobody knew him, two that he
// shows to be one are merged, he was heard of now, words like STOP are an opt-out for all purposes,
// and a changed number moves what he is known by. What a failed message says of its recipient's
// consent.
//
// Thread safety: as the unit. Blocks: some statements. Errors: the store's. A message without phone
// and BSUID changes nothing.
#ifndef KABAR_SERVICES_CONTACTS_INBOUND_H_
#define KABAR_SERVICES_CONTACTS_INBOUND_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/contacts/store.h"

namespace google::protobuf {
class Timestamp;
}
namespace kabar::events::v1 {
class Event;
}

namespace kabar::contacts {

absl::Time TimeOf(const google::protobuf::Timestamp& time);

// A message's failure by which the provider says that the customer wants no marketing (131050).
bool RefusesMarketing(const events::v1::Event& event);

// `event` holds an inbound_received.
absl::Status ApplyInbound(Store::Unit& unit, const events::v1::Event& event);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_INBOUND_H_
