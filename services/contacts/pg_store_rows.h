// Columns and the rows read from them; private to pg_store*.cc.
//
// Thread safety: pure functions. Nothing blocks. Errors: they throw as pg::TimeField and its like
// do, for the enclosing pg::Transact.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_ROWS_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_ROWS_H_

#include <pqxx/result>

#include "services/contacts/contact.h"

// Of `contacts c`, as ContactOf reads them.
#define KABAR_CONTACT_COLUMNS                                                                     \
  "c.id, c.phone, c.bsuid, coalesce(c.name, ''), coalesce(c.address, ''), coalesce(c.city, ''), " \
  "coalesce(c.province, ''), coalesce(c.service_type, ''), coalesce(c.vip, false), "              \
  "coalesce(c.preferred_time, ''), coalesce(c.notes, ''), c.attributes, c.tags, "                 \
  "c.last_inbound_at, c.created_at, c.updated_at, c.username, "                                   \
  "coalesce(c.subdistrict, ''), coalesce(c.district, ''), coalesce(c.postcode, ''), "             \
  "coalesce(c.language, ''), coalesce(c.style, ''), coalesce(c.time_zone, ''), "                  \
  "coalesce(c.satisfaction, 0)"

// Of `shipments s`, as ShipmentOf reads them.
#define KABAR_SHIPMENT_COLUMNS                                                             \
  "s.id, s.tracking_number, s.contact_id, coalesce(s.status, ''), "                        \
  "coalesce(s.location, ''), coalesce(s.estimate, ''), coalesce(s.driver_name, ''), "      \
  "coalesce(s.driver_phone, ''), coalesce(s.destination_address, ''), "                    \
  "coalesce(s.cod_amount, 0), coalesce(s.cod_paid, false), coalesce(s.delay_reason, ''), " \
  "coalesce(s.new_estimate, ''), s.updated_at, coalesce(s.service_type, '')"

namespace kabar::contacts {

Contact ContactOf(const pqxx::row& row);
Shipment ShipmentOf(const pqxx::row& row);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_ROWS_H_
