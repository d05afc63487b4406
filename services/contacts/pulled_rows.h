// What a chunk of a pull says of its source's refused rows: those it refuses, and those that are in
// order now.
//
// Thread safety: pure functions. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_PULLED_ROWS_H_
#define KABAR_SERVICES_CONTACTS_PULLED_ROWS_H_

#include "absl/time/time.h"
#include "services/contacts/importer.h"
#include "services/contacts/source.h"

namespace kabar::contacts {

// A row is the same as another one of the source if both name one parcel, or no parcel and one
// phone, or say the same. The chunk's refused cells were kept (importer.h).
PulledRows PulledRowsOf(const Source& source, const FileChunk& chunk, absl::Time now);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PULLED_ROWS_H_
