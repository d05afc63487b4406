// The rows of a chunk as one upsert a contact and one a shipment: PostgreSQL refuses to touch a row
// twice in one statement, and a file may name one phone or tracking number many times.
//
// Thread safety: pure function. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_CHUNK_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_CHUNK_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "services/contacts/contact.h"
#include "services/contacts/import_row.h"

namespace kabar::contacts {

struct ContactUpsert {
  std::string phone;
  std::string bsuid;
  ContactPatch patch = {};
  std::size_t last_row = 0;  // of the chunk's rows, the last that names the phone
  std::set<Purpose> opt_ins = {};
};

struct ShipmentUpsert {
  std::string tracking_number;
  std::string phone;  // whose it is
  ShipmentPatch patch;
};

// Both sorted by their key, so that imports at the same time lock rows in one order.
struct ImportChunk {
  std::vector<ContactUpsert> contacts;
  std::vector<ShipmentUpsert> shipments;
};

// Later rows win, value by value. Takes the rows' contents.
ImportChunk MergeRows(absl::Span<ImportRow> rows);

// What `newer` says, else what `old` says; tags of both.
void MergeContact(ContactPatch& old, ContactPatch newer);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_CHUNK_H_
