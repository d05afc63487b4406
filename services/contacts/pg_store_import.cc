// A chunk of a file: COPY into session tables, then one upsert of contacts and one of shipments.
#include "libs/base/ids.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// Kept by the session and emptied by every commit: no new catalogue rows for every chunk.
constexpr char kTables[] =
    "CREATE TEMP TABLE IF NOT EXISTS import_contacts ("
    "new_id text, phone text, bsuid text, name text, address text, city text, province text, "
    "service_type text, vip boolean, preferred_time text, notes text, attributes jsonb, "
    "tags text[]) ON COMMIT DELETE ROWS; "
    "CREATE TEMP TABLE IF NOT EXISTS import_shipments ("
    "new_id text, tracking_number text, phone text, status text, location text, estimate text, "
    "driver_name text, driver_phone text, destination_address text, cod_amount bigint, "
    "cod_paid boolean, delay_reason text, new_estimate text, updated_at timestamptz) "
    "ON COMMIT DELETE ROWS";

// First the identities, in one order for all imports: whoever comes second waits here and then
// finds the contact of the first.
constexpr char kClaimPhones[] =
    "INSERT INTO contact_identities (outlet_id, kind, value, contact_id) "
    "SELECT $1::text, 'phone', t.phone, t.new_id FROM import_contacts t ORDER BY t.phone "
    "ON CONFLICT (outlet_id, kind, value) DO NOTHING";

// NULL: the file says nothing. Consents are not among the columns, and never may be. Two phones of
// one contact in one chunk: the later phone wins.
constexpr char kUpsertContacts[] =
    "WITH written AS (INSERT INTO contacts AS c (outlet_id, id, phone, name, address, city, "
    "province, service_type, vip, preferred_time, notes, attributes, tags) "
    "SELECT DISTINCT ON (i.contact_id) $1::text, i.contact_id, t.phone, t.name, t.address, "
    "t.city, t.province, t.service_type, t.vip, t.preferred_time, t.notes, t.attributes, t.tags "
    "FROM import_contacts t JOIN contact_identities i ON i.outlet_id = $1::text "
    "AND i.kind = 'phone' AND i.value = t.phone ORDER BY i.contact_id, t.phone DESC "
    "ON CONFLICT (outlet_id, id) DO UPDATE SET "
    "phone = CASE WHEN c.phone = '' THEN excluded.phone ELSE c.phone END, "
    "name = coalesce(excluded.name, c.name), address = coalesce(excluded.address, c.address), "
    "city = coalesce(excluded.city, c.city), province = coalesce(excluded.province, c.province), "
    "service_type = coalesce(excluded.service_type, c.service_type), "
    "vip = coalesce(excluded.vip, c.vip), "
    "preferred_time = coalesce(excluded.preferred_time, c.preferred_time), "
    "notes = coalesce(excluded.notes, c.notes), "
    "attributes = c.attributes || excluded.attributes, "
    "tags = c.tags || ARRAY(SELECT e FROM unnest(excluded.tags) AS e WHERE NOT EXISTS "
    "(SELECT 1 FROM unnest(c.tags) AS k WHERE lower(k) = lower(e))), "
    "deleted_at = NULL, updated_at = now() "
    "RETURNING (xmax = 0) AS created) "
    "SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM written";

constexpr char kClaimBsuids[] =
    "INSERT INTO contact_identities (outlet_id, kind, value, contact_id) "
    "SELECT DISTINCT ON (t.bsuid) $1::text, 'bsuid', t.bsuid, i.contact_id FROM import_contacts t "
    "JOIN contact_identities i ON i.outlet_id = $1::text AND i.kind = 'phone' "
    "AND i.value = t.phone WHERE t.bsuid <> '' ORDER BY t.bsuid "
    "ON CONFLICT (outlet_id, kind, value) DO NOTHING";
constexpr char kSetBsuids[] =
    "UPDATE contacts c SET bsuid = i.value FROM import_contacts t "
    "JOIN contact_identities i ON i.outlet_id = $1::text AND i.kind = 'bsuid' "
    "AND i.value = t.bsuid "
    "WHERE t.bsuid <> '' AND c.outlet_id = $1::text AND c.id = i.contact_id AND c.bsuid = ''";

constexpr char kUpsertShipments[] =
    "WITH written AS (INSERT INTO shipments AS s (outlet_id, id, tracking_number, contact_id, "
    "status, location, estimate, driver_name, driver_phone, destination_address, cod_amount, "
    "cod_paid, delay_reason, new_estimate, updated_at) "
    "SELECT $1::text, t.new_id, t.tracking_number, i.contact_id, t.status, t.location, "
    "t.estimate, t.driver_name, t.driver_phone, t.destination_address, t.cod_amount, t.cod_paid, "
    "t.delay_reason, t.new_estimate, coalesce(t.updated_at, now()) FROM import_shipments t "
    "JOIN contact_identities i ON i.outlet_id = $1::text AND i.kind = 'phone' "
    "AND i.value = t.phone ORDER BY t.tracking_number "
    "ON CONFLICT (outlet_id, tracking_number) DO UPDATE SET contact_id = excluded.contact_id, "
    "status = coalesce(excluded.status, s.status), "
    "location = coalesce(excluded.location, s.location), "
    "estimate = coalesce(excluded.estimate, s.estimate), "
    "driver_name = coalesce(excluded.driver_name, s.driver_name), "
    "driver_phone = coalesce(excluded.driver_phone, s.driver_phone), "
    "destination_address = coalesce(excluded.destination_address, s.destination_address), "
    "cod_amount = coalesce(excluded.cod_amount, s.cod_amount), "
    "cod_paid = coalesce(excluded.cod_paid, s.cod_paid), "
    "delay_reason = coalesce(excluded.delay_reason, s.delay_reason), "
    "new_estimate = coalesce(excluded.new_estimate, s.new_estimate), "
    "updated_at = excluded.updated_at "
    "RETURNING (xmax = 0) AS created) "
    "SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM written";

std::string AttributesJson(const std::map<std::string, std::string>& attributes) {
  if (attributes.empty()) return "{}";
  return nlohmann::json(attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void CopyContacts(pg::Transaction& tx, absl::Span<const ContactUpsert> contacts) {
  tx.CopyIn("contacts.copy_contacts", "import_contacts",
            {"new_id", "phone", "bsuid", "name", "address", "city", "province", "service_type",
             "vip", "preferred_time", "notes", "attributes", "tags"},
            [&](pg::Transaction::RowSink row) {
              for (const ContactUpsert& contact : contacts) {
                const ContactPatch& p = contact.patch;
                row({base::NewId("con"), contact.phone, contact.bsuid, p.name, p.address, p.city,
                     p.province, p.service_type, p.vip, p.preferred_time, p.notes,
                     AttributesJson(p.attributes), pg::TextArray(p.tags)});
              }
            });
}

void CopyShipments(pg::Transaction& tx, absl::Span<const ShipmentUpsert> shipments) {
  tx.CopyIn("contacts.copy_shipments", "import_shipments",
            {"new_id", "tracking_number", "phone", "status", "location", "estimate", "driver_name",
             "driver_phone", "destination_address", "cod_amount", "cod_paid", "delay_reason",
             "new_estimate", "updated_at"},
            [&](pg::Transaction::RowSink row) {
              for (const ShipmentUpsert& shipment : shipments) {
                const ShipmentPatch& p = shipment.patch;
                row({base::NewId("shp"), shipment.tracking_number, shipment.phone, p.status,
                     p.location, p.estimate, p.driver_name, p.driver_phone, p.destination_address,
                     p.cod_amount, p.cod_paid, p.delay_reason, p.new_estimate, p.updated_at});
              }
            });
}

}  // namespace

absl::StatusOr<ChunkCounts> PgUnit::Import(const ImportChunk& chunk) {
  ChunkCounts counts;
  tx_.ExecScript("contacts.import_tables", kTables);
  CopyContacts(tx_, chunk.contacts);
  // Planned each time: what was planned for a small table is wrong for a large one.
  tx_.ExecDynamic("contacts.import_phones", kClaimPhones, {outlet_});
  const pqxx::result contacts =
      tx_.ExecDynamic("contacts.import_contacts", kUpsertContacts, {outlet_});
  counts.contacts_created = contacts[0][0].as<int64_t>();
  counts.contacts_updated = contacts[0][1].as<int64_t>();
  bool bsuids = false;
  for (const ContactUpsert& contact : chunk.contacts) bsuids = bsuids || !contact.bsuid.empty();
  if (bsuids) {
    tx_.ExecDynamic("contacts.import_bsuids", kClaimBsuids, {outlet_});
    tx_.ExecDynamic("contacts.import_set_bsuids", kSetBsuids, {outlet_});
  }
  if (chunk.shipments.empty()) return counts;
  CopyShipments(tx_, chunk.shipments);
  const pqxx::result shipments =
      tx_.ExecDynamic("contacts.import_shipments", kUpsertShipments, {outlet_});
  counts.shipments_created = shipments[0][0].as<int64_t>();
  counts.shipments_updated = shipments[0][1].as<int64_t>();
  return counts;
}

}  // namespace kabar::contacts
