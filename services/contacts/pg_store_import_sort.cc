#include "services/contacts/pg_store_import_sort.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/ids.h"

namespace kabar::contacts {
namespace {

// Whose phones these are stays so until the chunk is written: it shares the people (HoldPeople).
constexpr char kKnownContacts[] =
    "SELECT p.phone, i.contact_id, i.merged_from FROM unnest($2::text[]) AS p(phone) "
    "CROSS JOIN LATERAL (SELECT i.contact_id, i.merged_from FROM contact_identities i "
    "WHERE i.outlet_id = $1::text AND i.kind = 'phone' AND i.value = p.phone OFFSET 0) AS i";
constexpr char kKnownShipments[] =
    "SELECT p.number FROM unnest($2::text[]) AS p(number) "
    "CROSS JOIN LATERAL (SELECT 1 FROM shipments s WHERE s.outlet_id = $1::text "
    "AND s.tracking_number = p.number OFFSET 0) AS s";

// Value by value as in the file: what its later row says wins, whatever phone it names him by.
void SortPeople(pg::Transaction& tx, const std::string& outlet, const ImportChunk& chunk,
                Sorted& out) {
  pg::ArrayBuilder phones;
  for (const ContactUpsert& contact : chunk.contacts) phones.Add(contact.phone);
  absl::flat_hash_map<std::string, std::string> known, merged;
  for (const pqxx::row& row : tx.ExecDynamic("contacts.import_known_contacts", kKnownContacts,
                                             {outlet, std::move(phones).Finish()})) {
    known.emplace(pg::TextField(row[0]), pg::TextField(row[1]));
    if (std::string from = pg::TextField(row[2]); !from.empty()) {
      merged.emplace(pg::TextField(row[0]), std::move(from));
    }
  }
  absl::flat_hash_map<std::string, std::size_t> places;  // in known_people, by contact
  for (const ContactUpsert& contact : chunk.contacts) {
    const auto found = known.find(contact.phone);
    std::string& id = out.contact_ids[contact.phone];
    if (found == known.end()) {
      id = base::NewOrderedId("con");
      out.new_people.push_back({id, &contact});
      continue;
    }
    id = found->second;
    if (const auto from = merged.find(contact.phone); from != merged.end()) {
      out.merged_from[contact.phone] = from->second;
    }
    const auto [place, first] = places.emplace(id, out.known_people.size());
    if (first) {
      out.known_people.push_back({id, &contact});
      continue;
    }
    Person& person = out.known_people[place->second];
    const ContactUpsert& before = *person.said;
    const bool later = contact.last_row > before.last_row;
    ContactUpsert& both = out.merged.emplace_back(later ? before : contact);
    MergeContact(both.patch, later ? contact.patch : before.patch);
    both.last_row = std::max(contact.last_row, before.last_row);
    person.said = &both;
  }
}

void SortParcels(pg::Transaction& tx, const std::string& outlet, const ImportChunk& chunk,
                 Sorted& out) {
  if (chunk.shipments.empty()) return;
  pg::ArrayBuilder numbers;
  for (const ShipmentUpsert& shipment : chunk.shipments) numbers.Add(shipment.tracking_number);
  absl::flat_hash_set<std::string> known;
  for (const pqxx::row& row : tx.ExecDynamic("contacts.import_known_shipments", kKnownShipments,
                                             {outlet, std::move(numbers).Finish()})) {
    known.insert(pg::TextField(row[0]));
  }
  for (const ShipmentUpsert& shipment : chunk.shipments) {
    auto& there = known.contains(shipment.tracking_number) ? out.known_parcels : out.new_parcels;
    const auto from = out.merged_from.find(shipment.phone);
    there.push_back({out.contact_ids.at(shipment.phone),
                     from == out.merged_from.end() ? std::string() : from->second, &shipment});
  }
}

}  // namespace

std::vector<std::string> Sorted::KnownPeople() const {
  std::vector<std::string> ids;
  ids.reserve(known_people.size());
  for (const Person& person : known_people) ids.push_back(person.id);
  return ids;
}

Sorted SortChunk(pg::Transaction& tx, const std::string& outlet, const ImportChunk& chunk) {
  Sorted out;
  SortPeople(tx, outlet, chunk, out);
  SortParcels(tx, outlet, chunk, out);
  return out;
}

}  // namespace kabar::contacts
