#include "services/contacts/import_chunk.h"

#include <map>
#include <optional>
#include <utility>

namespace kabar::contacts {
namespace {

template <typename T>
void Override(std::optional<T>& old, std::optional<T>& newer) {
  if (newer) old = std::move(newer);
}

void MergeShipment(ShipmentPatch& old, ShipmentPatch& newer) {
  Override(old.status, newer.status);
  Override(old.location, newer.location);
  Override(old.estimate, newer.estimate);
  Override(old.driver_name, newer.driver_name);
  Override(old.driver_phone, newer.driver_phone);
  Override(old.destination_address, newer.destination_address);
  Override(old.cod_amount, newer.cod_amount);
  Override(old.cod_paid, newer.cod_paid);
  Override(old.delay_reason, newer.delay_reason);
  Override(old.new_estimate, newer.new_estimate);
  Override(old.service_type, newer.service_type);
}

}  // namespace

void MergeContact(ContactPatch& old, ContactPatch newer) {
  Override(old.name, newer.name);
  Override(old.address, newer.address);
  Override(old.city, newer.city);
  Override(old.province, newer.province);
  Override(old.service_type, newer.service_type);
  Override(old.vip, newer.vip);
  Override(old.preferred_time, newer.preferred_time);
  Override(old.notes, newer.notes);
  Override(old.subdistrict, newer.subdistrict);
  Override(old.district, newer.district);
  Override(old.postcode, newer.postcode);
  Override(old.language, newer.language);
  Override(old.style, newer.style);
  Override(old.time_zone, newer.time_zone);
  Override(old.satisfaction, newer.satisfaction);
  for (auto& [key, value] : newer.attributes) old.attributes[key] = std::move(value);
  old.tags.insert(old.tags.end(), newer.tags.begin(), newer.tags.end());
  old.tags = NormalizeTags(old.tags);
}

ImportChunk MergeRows(absl::Span<ImportRow> rows) {
  std::map<std::string, ContactUpsert> contacts;
  std::map<std::string, ShipmentUpsert> shipments;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ImportRow& row = rows[i];
    ContactUpsert& contact = contacts[row.phone];
    contact.phone = row.phone;
    contact.last_row = i;
    if (!row.bsuid.empty()) contact.bsuid = std::move(row.bsuid);
    MergeContact(contact.patch, std::move(row.contact));
    contact.opt_ins.insert(row.opt_ins.begin(), row.opt_ins.end());
    if (row.tracking_number.empty()) continue;
    const auto [place, first] = shipments.try_emplace(row.tracking_number);
    ShipmentUpsert& shipment = place->second;
    // The age is that of the row that said the state.
    const bool keeps_age = row.shipment.keeps_age && (first || shipment.patch.keeps_age);
    if (keeps_age || !row.shipment.keeps_age) {
      Override(shipment.patch.updated_at, row.shipment.updated_at);
    }
    shipment.patch.keeps_age = keeps_age;
    shipment.tracking_number = row.tracking_number;
    shipment.phone = row.phone;
    MergeShipment(shipment.patch, row.shipment);
  }
  ImportChunk out;
  out.contacts.reserve(contacts.size());
  for (auto& [phone, contact] : contacts) out.contacts.push_back(std::move(contact));
  out.shipments.reserve(shipments.size());
  for (auto& [number, shipment] : shipments) out.shipments.push_back(std::move(shipment));
  return out;
}

}  // namespace kabar::contacts
