// A chunk of a file beside what the store has: who and what is new, and what is known. For
// pg_store_import.cc.
//
// Thread safety: as of the transaction. Blocks: on the store. Errors: throws what libpqxx throws.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_IMPORT_SORT_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_IMPORT_SORT_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "libs/pg/transaction.h"
#include "services/contacts/import_chunk.h"

namespace kabar::contacts {

struct Person {
  std::string id;
  const ContactUpsert* said = nullptr;
};
struct Parcel {
  std::string contact_id;
  std::string merged_from;
  const ShipmentUpsert* said = nullptr;
};

// Of a chunk: what is in the store already, and what is not. Points into the chunk.
struct Sorted {
  absl::flat_hash_map<absl::string_view, std::string> contact_ids;  // by phone
  absl::flat_hash_map<absl::string_view, std::string> merged_from;  // of phones that came with one
  std::vector<Person> new_people;
  std::vector<Person> known_people;
  std::vector<Parcel> new_parcels;
  std::vector<Parcel> known_parcels;
  std::deque<ContactUpsert> merged;  // of contacts that the chunk names by several phones

  std::vector<std::string> KnownPeople() const;
};

// Later rows win, whatever phone they name a contact by.
Sorted SortChunk(pg::Transaction& tx, const std::string& outlet, const ImportChunk& chunk);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_IMPORT_SORT_H_
