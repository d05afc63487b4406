// What one contact has after two became one, and what is left of it when they are two again.
//
// Thread safety: pure functions. Nothing blocks or fails.
#ifndef KABAR_SERVICES_CONTACTS_MERGE_H_
#define KABAR_SERVICES_CONTACTS_MERGE_H_

#include "services/contacts/contact.h"

namespace kabar::contacts {

// The survivor's own values win; where it has none the other's are taken, tags and attributes of
// both. What exceeds the limits of a contact stays with the other's record alone.
Contact Merged(const Contact& survivor, const Contact& other);

// The survivor as it is (`now`) without what the merge gave it: each value that still is what the
// merge made of it goes back to `before`; what was changed since stays.
Contact Unmerged(const Contact& now, const Contact& before, const Contact& after);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_MERGE_H_
