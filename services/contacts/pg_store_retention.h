// What the dispatcher's events say of run audiences. Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_RETENTION_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_RETENTION_H_

#include "kabar/events/v1/events.pb.h"
#include "libs/pg/transaction.h"

namespace kabar::contacts {

// A run's audience is needed while its lane may send; a lane may be opened again.
void NoteLaneChanged(pg::Transaction& tx, const events::v1::Event& event);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_RETENTION_H_
