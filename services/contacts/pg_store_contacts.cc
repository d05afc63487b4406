// Contacts; pg_store_identity.cc has what they are known by.
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store_fields.h"
#include "services/contacts/pg_store_rows.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kRoot{"contacts.root",
                          "SELECT merged_into FROM contacts "
                          "WHERE outlet_id = $1 AND id = $2 AND merged_into IS NOT NULL"};
constexpr pg::Query kGet{"contacts.get",
                         "SELECT " KABAR_CONTACT_COLUMNS
                         " FROM contacts c "
                         "WHERE c.outlet_id = $1 AND c.id = $2 AND c.deleted_at IS NULL"};
constexpr pg::Query kGetMany{"contacts.get_many",
                             "SELECT " KABAR_CONTACT_COLUMNS
                             " FROM contacts c WHERE c.outlet_id = $1 AND c.id = ANY($2::text[]) "
                             "AND c.deleted_at IS NULL"};
constexpr pg::Query kLock{"contacts.lock",
                          "SELECT " KABAR_CONTACT_COLUMNS
                          " FROM contacts c "
                          "WHERE c.outlet_id = $1 AND c.id = $2 AND c.deleted_at IS NULL "
                          "FOR UPDATE"};
// Written anew, or over the shell of a deleted one, whose consents stay.
constexpr pg::Query kWrite{
    "contacts.write",
    "INSERT INTO contacts AS c (outlet_id, id, phone, bsuid, name, address, city, province, "
    "service_type, vip, preferred_time, notes, attributes, tags, username, "
    "subdistrict, district, postcode, language, style, time_zone, satisfaction) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text[], $15, $16, $17, "
    "$18, $19, $20, $21, nullif($22::smallint, 0)) "
    "ON CONFLICT (outlet_id, id) DO UPDATE SET phone = excluded.phone, bsuid = excluded.bsuid, "
    "name = excluded.name, address = excluded.address, city = excluded.city, "
    "province = excluded.province, service_type = excluded.service_type, vip = excluded.vip, "
    "preferred_time = excluded.preferred_time, notes = excluded.notes, "
    "attributes = excluded.attributes, tags = excluded.tags, username = excluded.username, "
    "subdistrict = excluded.subdistrict, district = excluded.district, "
    "postcode = excluded.postcode, language = excluded.language, style = excluded.style, "
    "time_zone = excluded.time_zone, satisfaction = excluded.satisfaction, "
    "deleted_at = NULL, updated_at = now() WHERE c.merged_into IS NULL "
    "RETURNING " KABAR_CONTACT_COLUMNS};
constexpr pg::Query kDeleteShipments{
    "contacts.delete_shipments", "DELETE FROM shipments WHERE outlet_id = $1 AND contact_id = $2"};
constexpr pg::Query kEmpty{
    "contacts.empty",
    "UPDATE contacts SET deleted_at = now(), updated_at = now(), name = NULL, address = NULL, "
    "city = NULL, province = NULL, service_type = NULL, vip = NULL, preferred_time = NULL, "
    "notes = NULL, attributes = '{}', tags = '{}', username = '', last_inbound_at = NULL, "
    "subdistrict = NULL, district = NULL, postcode = NULL, language = NULL, style = NULL, "
    "time_zone = NULL, satisfaction = NULL "
    "WHERE outlet_id = $1 AND id = $2 "
    "AND (delivery_updates_opted_out OR marketing_opted_out OR EXISTS (SELECT 1 FROM facts f "
    "WHERE f.outlet_id = $1 AND f.contact_id = $2 AND f.open AND f.kind <> 'ORDER'))"};
// Who was merged into him, with the record of it, goes too.
constexpr pg::Query kDeleteMerged{"contacts.delete_merged",
                                  "DELETE FROM contacts WHERE outlet_id = $1 AND merged_into = $2"};
// What keeps marketing away stays, as an opt-out does: the next file brings him back, and its
// source does not tell an old complaint twice.
constexpr pg::Query kDeleteFacts{"contacts.delete_facts",
                                 "DELETE FROM facts WHERE outlet_id = $1 AND contact_id = $2 "
                                 "AND NOT (open AND kind <> 'ORDER')"};
constexpr pg::Query kDeleteTimeline{
    "contacts.delete_timeline",
    "DELETE FROM timeline WHERE outlet_id = $1 AND contact_id IN (SELECT id FROM contacts "
    "WHERE outlet_id = $1 AND (id = $2 OR merged_into = $2))"};
constexpr pg::Query kDelete{"contacts.delete",
                            "DELETE FROM contacts WHERE outlet_id = $1 AND id = $2"};

std::string AttributesJson(const std::map<std::string, std::string>& attributes) {
  return nlohmann::json(attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Contact ContactOf(const pqxx::row& row) {
  Contact contact;
  contact.id = pg::TextField(row[0]);
  contact.phone = pg::TextField(row[1]);
  contact.bsuid = pg::TextField(row[2]);
  contact.name = pg::TextField(row[3]);
  contact.address = pg::TextField(row[4]);
  contact.city = pg::TextField(row[5]);
  contact.province = pg::TextField(row[6]);
  contact.service_type = pg::TextField(row[7]);
  contact.vip = row[8].as<bool>();
  contact.preferred_time = pg::TextField(row[9]);
  contact.notes = pg::TextField(row[10]);
  const auto attributes = nlohmann::json::parse(row[11].c_str(), nullptr, false);
  if (attributes.is_object()) {
    for (const auto& [key, value] : attributes.items()) {
      if (value.is_string()) contact.attributes.emplace(key, value.get<std::string>());
    }
  }
  contact.tags = pg::TextArrayField(row[12]);
  contact.last_inbound_at = pg::OptTimeField(row[13]);
  contact.created_at = pg::TimeField(row[14]);
  contact.updated_at = pg::TimeField(row[15]);
  contact.username = pg::TextField(row[16]);
  contact.subdistrict = pg::TextField(row[17]);
  contact.district = pg::TextField(row[18]);
  contact.postcode = pg::TextField(row[19]);
  contact.language = pg::TextField(row[20]);
  contact.style = pg::TextField(row[21]);
  contact.time_zone = pg::TextField(row[22]);
  contact.satisfaction = row[23].as<int>();
  return contact;
}

absl::StatusOr<Contact> PgUnit::WriteContact(const std::string& id, const Contact& contact) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(
      kWrite, outlet_, id, contact.phone, contact.bsuid, contact.name, contact.address,
      contact.city, contact.province, contact.service_type, contact.vip, contact.preferred_time,
      contact.notes, AttributesJson(contact.attributes), pg::TextArray(contact.tags),
      contact.username, contact.subdistrict, contact.district, contact.postcode, contact.language,
      contact.style, contact.time_zone, contact.satisfaction);
  if (!row) {
    return base::Error(absl::StatusCode::kAborted, "CONTACT_MERGED",
                       "the contact was merged into another at this moment; send it again");
  }
  return ContactOf(*row);
}

absl::StatusOr<Contact> PgUnit::InsertContact(const Contact& contact) {
  HoldPeople(/*alone=*/false);
  std::string id = base::NewId("con");
  for (const IdentityKind kind : kAllIdentityKinds) {
    const std::optional<Owner> owner = OwnerOf(kind, IdentityOf(contact, kind));
    if (!owner) continue;
    if (!owner->deleted) return IdentityTaken(kind, *owner);
    id = owner->contact_id;
  }
  for (const IdentityKind kind : kAllIdentityKinds) {
    const std::string& value = IdentityOf(contact, kind);
    if (Claim(kind, value, id) == id) continue;
    return IdentityTaken(kind, OwnerOf(kind, value).value_or(Owner()));
  }
  KABAR_ASSIGN_OR_RETURN(const Contact added, WriteContact(id, contact));
  RepeatOptOuts(id);  // it may be the shell of one who opted out
  RecallOptOuts({id});
  return added;
}

// A contact is merged into one that is not merged itself, but somebody may merge or part the two
// between our statements. Whoever locks asks again: once the lock is held, they stay as they are.
absl::StatusOr<Contact> PgUnit::Named(const pg::Query& query, const std::string& id) {
  std::string named = id;
  for (int i = 0; i < 4; ++i) {
    const std::optional<pqxx::row> row = tx_.ExecMaybe(query, outlet_, named);
    if (row && named == id) return ContactOf(*row);
    const std::optional<pqxx::row> root = tx_.ExecMaybe(kRoot, outlet_, id);
    const std::string now = root ? pg::TextField((*root)[0]) : id;
    if (row && now == named) return ContactOf(*row);
    if (!row && now == named) break;
    named = now;
  }
  return base::Error(absl::StatusCode::kNotFound, "CONTACT_NOT_FOUND",
                     "this outlet has no such contact; list its contacts to see which there are");
}

absl::StatusOr<Contact> PgUnit::GetContact(const std::string& id) { return Named(kGet, id); }

absl::StatusOr<std::vector<Contact>> PgUnit::GetContacts(const std::vector<std::string>& ids) {
  std::vector<Contact> out;
  for (const pqxx::row& row : tx_.Exec(kGetMany, outlet_, pg::TextArray(ids))) {
    out.push_back(ContactOf(row));
  }
  return out;
}

absl::StatusOr<Activity> PgUnit::GetActivity(const std::string& id) {
  std::string columns;
  for (const char* field : {"lifecycle", "shipments_total", "shipments_per_month",
                            "last_shipment_at", "shipments_regular", "shipments_express",
                            "shipments_cod", "shipments_corporate", "time_zone"}) {
    absl::StrAppend(&columns, columns.empty() ? "" : ", ", DerivedSql(field));
  }
  const pqxx::result rows = tx_.ExecDynamic(
      "contacts.activity",
      absl::StrCat("SELECT ", columns, " FROM contacts c WHERE c.outlet_id = $1 AND c.id = $2"),
      {outlet_, id});
  Activity out;
  if (rows.empty()) return out;
  const pqxx::row row = rows[0];
  out.lifecycle = pg::TextField(row[0]);
  out.shipments_total = row[1].as<int64_t>();
  out.shipments_per_month = row[2].as<double>();
  out.last_shipment_at = pg::OptTimeField(row[3]);
  out.regular = row[4].as<int64_t>();
  out.express = row[5].as<int64_t>();
  out.cod = row[6].as<int64_t>();
  out.corporate = row[7].as<int64_t>();
  out.time_zone = pg::TextField(row[8]);
  return out;
}

// People first, rows second: whoever holds the people alone would else wait for this row, and this
// for the people.
absl::StatusOr<Contact> PgUnit::LockContact(const std::string& id) {
  HoldPeople(/*alone=*/false);
  return Named(kLock, id);
}

absl::StatusOr<Contact> PgUnit::ReplaceContact(const Contact& contact) {
  KABAR_ASSIGN_OR_RETURN(const Contact before, LockContact(contact.id));
  for (const IdentityKind kind : kAllIdentityKinds) {
    KABAR_RETURN_IF_ERROR(
        MoveIdentity(kind, IdentityOf(before, kind), IdentityOf(contact, kind), contact.id));
  }
  KABAR_ASSIGN_OR_RETURN(Contact after, WriteContact(contact.id, contact));
  if (after.phone != before.phone || after.bsuid != before.bsuid) {
    RepeatOptOuts(after.id);
    RecallOptOuts({after.id});
  }
  return after;
}

absl::Status PgUnit::DeleteContact(const std::string& id) {
  HoldPeople(/*alone=*/true);
  KABAR_ASSIGN_OR_RETURN(const Contact contact, LockContact(id));
  tx_.Exec(kDeleteTimeline, outlet_, contact.id);  // first: it asks who was merged into him
  if (tx_.Exec(kEmpty, outlet_, contact.id).affected_rows() == 1) {
    tx_.Exec(kDeleteShipments, outlet_, contact.id);
    tx_.Exec(kDeleteFacts, outlet_, contact.id);
    tx_.Exec(kDeleteMerged, outlet_, contact.id);
  } else {
    tx_.Exec(kDelete, outlet_, contact.id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Contact>> PgUnit::ListContacts(const SegmentFilter& filter,
                                                          const std::string& after_id, int limit) {
  filter_lang::SqlParams params(4);
  KABAR_ASSIGN_OR_RETURN(const std::string condition, ContactSql(filter, params));
  const pqxx::result rows =
      ExecFiltered("contacts.list",
                   absl::StrCat("SELECT ", KABAR_CONTACT_COLUMNS,
                                " FROM contacts c WHERE c.outlet_id = $1 AND c.deleted_at IS NULL "
                                "AND c.id > $2 AND ",
                                condition, " ORDER BY c.id LIMIT $3::int"),
                   {outlet_, after_id, limit}, params);
  std::vector<Contact> out;
  for (const pqxx::row& row : rows) out.push_back(ContactOf(row));
  return out;
}

}  // namespace kabar::contacts
