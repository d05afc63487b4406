#include "services/contacts/import_chunk.h"

#include <algorithm>
#include <numeric>
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

void NormalizeTagsOf(ContactPatch& patch) {
  if (!patch.tags.empty()) patch.tags = NormalizeTags(patch.tags);
}

// Where the rows stand, in the order of a key; of equal ones in their own.
std::vector<std::size_t> InOrderOf(std::string ImportRow::*key, absl::Span<const ImportRow> rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int compared = (rows[a].*key).compare(rows[b].*key);
    return compared < 0 || (compared == 0 && a < b);
  });
  return order;
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
  NormalizeTagsOf(old);
}

ImportChunk MergeRows(absl::Span<ImportRow> rows) {
  ImportChunk out;
  out.contacts.reserve(rows.size());
  for (const std::size_t i : InOrderOf(&ImportRow::phone, rows)) {
    ImportRow& row = rows[i];
    if (out.contacts.empty() || out.contacts.back().phone != row.phone) {
      out.contacts.push_back({.phone = row.phone, .bsuid = ""});
      out.contacts.back().patch = std::move(row.contact);
      NormalizeTagsOf(out.contacts.back().patch);
    } else {
      MergeContact(out.contacts.back().patch, std::move(row.contact));
    }
    ContactUpsert& contact = out.contacts.back();
    contact.last_row = i;
    if (!row.bsuid.empty()) contact.bsuid = std::move(row.bsuid);
    contact.opt_ins.insert(row.opt_ins.begin(), row.opt_ins.end());
  }
  out.shipments.reserve(rows.size());
  for (const std::size_t i : InOrderOf(&ImportRow::tracking_number, rows)) {
    ImportRow& row = rows[i];
    if (row.tracking_number.empty()) continue;
    const bool first =
        out.shipments.empty() || out.shipments.back().tracking_number != row.tracking_number;
    if (first) {
      out.shipments.push_back(
          {.tracking_number = row.tracking_number, .phone = row.phone, .patch = {}});
      out.shipments.back().patch = std::move(row.shipment);
      continue;
    }
    ShipmentUpsert& shipment = out.shipments.back();
    // The age is that of the row that said the state.
    const bool keeps_age = row.shipment.keeps_age && shipment.patch.keeps_age;
    if (keeps_age || !row.shipment.keeps_age) {
      Override(shipment.patch.updated_at, row.shipment.updated_at);
    }
    shipment.patch.keeps_age = keeps_age;
    shipment.phone = row.phone;
    MergeShipment(shipment.patch, row.shipment);
  }
  return out;
}

}  // namespace kabar::contacts
