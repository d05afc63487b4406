// Shipments.
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_fields.h"
#include "services/contacts/pg_store_rows.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kGet{"contacts.get_shipment", "SELECT " KABAR_SHIPMENT_COLUMNS
                                                  " FROM shipments s "
                                                  "WHERE s.outlet_id = $1 AND s.id = $2"};
constexpr pg::Query kFind{"contacts.find_shipment",
                          "SELECT " KABAR_SHIPMENT_COLUMNS
                          " FROM shipments s "
                          "WHERE s.outlet_id = $1 AND s.tracking_number = $2"};
// The contact must be there until the shipment is.
constexpr pg::Query kHoldContact{"contacts.hold_contact",
                                 "SELECT 1 FROM contacts WHERE outlet_id = $1 AND id = $2 "
                                 "AND deleted_at IS NULL FOR KEY SHARE"};
constexpr pg::Query kUpsert{
    "contacts.upsert_shipment",
    "INSERT INTO shipments AS s (outlet_id, id, tracking_number, contact_id, status, location, "
    "estimate, driver_name, driver_phone, destination_address, cod_amount, cod_paid, "
    "delay_reason, new_estimate, merged_from, service_type) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
    "ON CONFLICT (outlet_id, tracking_number) DO UPDATE SET contact_id = excluded.contact_id, "
    "status = excluded.status, location = excluded.location, estimate = excluded.estimate, "
    "driver_name = excluded.driver_name, driver_phone = excluded.driver_phone, "
    "destination_address = excluded.destination_address, cod_amount = excluded.cod_amount, "
    "cod_paid = excluded.cod_paid, delay_reason = excluded.delay_reason, "
    "new_estimate = excluded.new_estimate, service_type = excluded.service_type, "
    "updated_at = now(), "
    "merged_from = CASE WHEN s.contact_id = excluded.contact_id AND excluded.merged_from = '' "
    "THEN s.merged_from ELSE excluded.merged_from END "
    "RETURNING " KABAR_SHIPMENT_COLUMNS};

constexpr pg::Query kOfContact{"contacts.shipments_of", "SELECT " KABAR_SHIPMENT_COLUMNS
                                                        " FROM shipments s "
                                                        "WHERE s.outlet_id = $1 AND s.contact_id = "
                                                        "$2 AND s.id > $3 ORDER BY s.id LIMIT $4"};

absl::Status ShipmentNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "SHIPMENT_NOT_FOUND",
                     "this outlet has no such shipment; check the tracking number");
}

}  // namespace

Shipment ShipmentOf(const pqxx::row& row) {
  Shipment shipment;
  shipment.id = pg::TextField(row[0]);
  shipment.tracking_number = pg::TextField(row[1]);
  shipment.contact_id = pg::TextField(row[2]);
  shipment.status = pg::TextField(row[3]);
  shipment.location = pg::TextField(row[4]);
  shipment.estimate = pg::TextField(row[5]);
  shipment.driver_name = pg::TextField(row[6]);
  shipment.driver_phone = pg::TextField(row[7]);
  shipment.destination_address = pg::TextField(row[8]);
  shipment.cod_amount = row[9].as<int64_t>();
  shipment.cod_paid = row[10].as<bool>();
  shipment.delay_reason = pg::TextField(row[11]);
  shipment.new_estimate = pg::TextField(row[12]);
  shipment.updated_at = pg::TimeField(row[13]);
  shipment.service_type = pg::TextField(row[14]);
  return shipment;
}

absl::StatusOr<Shipment> PgUnit::UpsertShipment(const Shipment& shipment) {
  HoldPeople(/*alone=*/false);
  std::string contact_id = shipment.contact_id;
  if (contact_id.empty()) {
    const absl::StatusOr<Shipment> known = FindShipment(shipment.tracking_number);
    if (!known.ok()) {
      return base::InvalidField("shipment.contact_id",
                                "is required: the shipment is new, so say whose it is");
    }
    contact_id = known->contact_id;
  }
  const absl::StatusOr<Contact> owner = GetContact(contact_id);
  if (!owner.ok() || !tx_.ExecMaybe(kHoldContact, outlet_, owner->id)) {
    return base::InvalidField("shipment.contact_id", "this outlet has no such contact");
  }
  const std::string merged_from = contact_id == owner->id ? "" : contact_id;
  return ShipmentOf(tx_.ExecOne(
      kUpsert, outlet_, base::NewId("shp"), shipment.tracking_number, owner->id, shipment.status,
      shipment.location, shipment.estimate, shipment.driver_name, shipment.driver_phone,
      shipment.destination_address, shipment.cod_amount, shipment.cod_paid, shipment.delay_reason,
      shipment.new_estimate, merged_from, shipment.service_type));
}

absl::StatusOr<Shipment> PgUnit::GetShipment(const std::string& id) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kGet, outlet_, id);
  if (!row) return ShipmentNotFound();
  return ShipmentOf(*row);
}

absl::StatusOr<Shipment> PgUnit::FindShipment(const std::string& tracking_number) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kFind, outlet_, tracking_number);
  if (!row) return ShipmentNotFound();
  return ShipmentOf(*row);
}

absl::StatusOr<std::vector<Shipment>> PgUnit::ListShipmentsOf(const std::string& contact_id,
                                                              const std::string& after_id,
                                                              int limit) {
  std::vector<Shipment> out;
  for (const pqxx::row& row : tx_.Exec(kOfContact, outlet_, contact_id, after_id, limit)) {
    out.push_back(ShipmentOf(row));
  }
  return out;
}

absl::StatusOr<std::vector<Shipment>> PgUnit::ListShipments(const SegmentFilter& filter,
                                                            const std::string& after_id,
                                                            int limit) {
  filter_lang::SqlParams params(4);
  KABAR_ASSIGN_OR_RETURN(const std::string condition, FilterSql(filter, params));
  const pqxx::result rows = ExecFiltered(
      "contacts.list_shipments",
      absl::StrCat("SELECT ", KABAR_SHIPMENT_COLUMNS,
                   " FROM shipments s JOIN contacts c ON c.outlet_id = s.outlet_id AND c.id = "
                   "s.contact_id WHERE s.outlet_id = $1 AND s.id > $2 AND ",
                   condition, " ORDER BY s.id LIMIT $3::int"),
      {outlet_, after_id, limit}, params);
  std::vector<Shipment> out;
  for (const pqxx::row& row : rows) out.push_back(ShipmentOf(row));
  return out;
}

}  // namespace kabar::contacts
