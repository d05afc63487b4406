// Contacts and their identities.
#include <array>
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

constexpr pg::Query kGet{"contacts.get",
                         "SELECT " KABAR_CONTACT_COLUMNS
                         " FROM contacts c "
                         "WHERE c.outlet_id = $1 AND c.id = $2 AND c.deleted_at IS NULL"};
constexpr pg::Query kLock{"contacts.lock",
                          "SELECT " KABAR_CONTACT_COLUMNS
                          " FROM contacts c "
                          "WHERE c.outlet_id = $1 AND c.id = $2 AND c.deleted_at IS NULL "
                          "FOR UPDATE"};
constexpr pg::Query kOwner{
    "contacts.owner",
    "SELECT i.contact_id, c.deleted_at IS NOT NULL FROM contact_identities i "
    "JOIN contacts c ON c.outlet_id = i.outlet_id AND c.id = i.contact_id "
    "WHERE i.outlet_id = $1 AND i.kind = $2 AND i.value = $3"};
// Holds the contact if it is there already, until the end of the transaction: what is added to one
// that is being deleted would be nobody's.
constexpr pg::Query kClaim{
    "contacts.claim_identity",
    "WITH held AS (SELECT 1 FROM contacts WHERE outlet_id = $1 AND id = $4 FOR KEY SHARE) "
    "INSERT INTO contact_identities (outlet_id, kind, value, contact_id) "
    "SELECT $1, $2, $3, $4 FROM (SELECT count(*) FROM held) AS h "
    "ON CONFLICT (outlet_id, kind, value) DO NOTHING"};
constexpr pg::Query kRelease{"contacts.release_identity",
                             "DELETE FROM contact_identities "
                             "WHERE outlet_id = $1 AND kind = $2 AND value = $3 AND contact_id = "
                             "$4"};
// Written anew, or over the shell of a deleted one, whose consents stay.
constexpr pg::Query kWrite{
    "contacts.write",
    "INSERT INTO contacts AS c (outlet_id, id, phone, bsuid, name, address, city, province, "
    "service_type, vip, preferred_time, notes, attributes, tags) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text[]) "
    "ON CONFLICT (outlet_id, id) DO UPDATE SET phone = excluded.phone, bsuid = excluded.bsuid, "
    "name = excluded.name, address = excluded.address, city = excluded.city, "
    "province = excluded.province, service_type = excluded.service_type, vip = excluded.vip, "
    "preferred_time = excluded.preferred_time, notes = excluded.notes, "
    "attributes = excluded.attributes, tags = excluded.tags, deleted_at = NULL, "
    "updated_at = now() "
    "RETURNING " KABAR_CONTACT_COLUMNS};
constexpr pg::Query kAddIdentities{
    "contacts.add_identities",
    "UPDATE contacts c SET phone = CASE WHEN c.phone = '' THEN $3 ELSE c.phone END, "
    "bsuid = CASE WHEN c.bsuid = '' THEN $4 ELSE c.bsuid END, updated_at = now() "
    "WHERE c.outlet_id = $1 AND c.id = $2 RETURNING " KABAR_CONTACT_COLUMNS};
constexpr pg::Query kTouch{"contacts.touch_inbound",
                           "UPDATE contacts SET last_inbound_at = greatest(last_inbound_at, $3) "
                           "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kDeleteShipments{
    "contacts.delete_shipments", "DELETE FROM shipments WHERE outlet_id = $1 AND contact_id = $2"};
constexpr pg::Query kEmpty{
    "contacts.empty",
    "UPDATE contacts SET deleted_at = now(), updated_at = now(), name = NULL, address = NULL, "
    "city = NULL, province = NULL, service_type = NULL, vip = NULL, preferred_time = NULL, "
    "notes = NULL, attributes = '{}', tags = '{}', last_inbound_at = NULL "
    "WHERE outlet_id = $1 AND id = $2 "
    "AND (delivery_updates_opted_out OR marketing_opted_out)"};
constexpr pg::Query kDelete{"contacts.delete",
                            "DELETE FROM contacts WHERE outlet_id = $1 AND id = $2"};

std::string AttributesJson(const std::map<std::string, std::string>& attributes) {
  return nlohmann::json(attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::Status ContactNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "CONTACT_NOT_FOUND",
                     "this outlet has no such contact; list its contacts to see which there are");
}

absl::Status ContactExists(const std::string& contact_id, absl::string_view kind) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kAlreadyExists, "CONTACT_EXISTS",
                  absl::StrCat("another contact has this ", kind,
                               "; update that contact (metadata contact_id) instead")),
      "contact_id", contact_id);
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
  return contact;
}

std::optional<PgUnit::Owner> PgUnit::OwnerOf(const char* kind, const std::string& value) {
  if (value.empty()) return std::nullopt;
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kOwner, outlet_, kind, value);
  if (!row) return std::nullopt;
  return Owner{pg::TextField((*row)[0]), (*row)[1].as<bool>()};
}

std::string PgUnit::Claim(const char* kind, const std::string& value,
                          const std::string& contact_id) {
  if (value.empty()) return contact_id;
  const pqxx::result claimed = tx_.Exec(kClaim, outlet_, kind, value, contact_id);
  if (claimed.affected_rows() == 1) return contact_id;
  const std::optional<Owner> owner = OwnerOf(kind, value);
  return owner ? owner->contact_id : "";
}

absl::StatusOr<Contact> PgUnit::WriteContact(const std::string& id, const Contact& contact) {
  return ContactOf(tx_.ExecOne(
      kWrite, outlet_, id, contact.phone, contact.bsuid, contact.name, contact.address,
      contact.city, contact.province, contact.service_type, contact.vip, contact.preferred_time,
      contact.notes, AttributesJson(contact.attributes), pg::TextArray(contact.tags)));
}

absl::StatusOr<Contact> PgUnit::InsertContact(const Contact& contact) {
  std::string id = base::NewId("con");
  const std::array<std::pair<const char*, const std::string*>, 2> identities = {
      {{"phone", &contact.phone}, {"bsuid", &contact.bsuid}}};
  for (const auto& [kind, value] : identities) {
    const std::optional<Owner> owner = OwnerOf(kind, *value);
    if (!owner) continue;
    if (!owner->deleted) return ContactExists(owner->contact_id, kind);
    id = owner->contact_id;
  }
  for (const auto& [kind, value] : identities) {
    const std::string owner = Claim(kind, *value, id);
    if (owner != id) return ContactExists(owner, kind);
  }
  return WriteContact(id, contact);
}

absl::StatusOr<Contact> PgUnit::GetContact(const std::string& id) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kGet, outlet_, id);
  if (!row) return ContactNotFound();
  return ContactOf(*row);
}

absl::StatusOr<Contact> PgUnit::LockContact(const std::string& id) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kLock, outlet_, id);
  if (!row) return ContactNotFound();
  return ContactOf(*row);
}

absl::Status PgUnit::MoveIdentity(const char* kind, const std::string& before,
                                  const std::string& after, const std::string& contact_id) {
  if (before == after) return absl::OkStatus();
  const std::string owner = Claim(kind, after, contact_id);
  if (owner != contact_id) return ContactExists(owner, kind);
  if (!before.empty()) tx_.Exec(kRelease, outlet_, kind, before, contact_id);
  return absl::OkStatus();
}

absl::StatusOr<Contact> PgUnit::ReplaceContact(const Contact& contact) {
  KABAR_ASSIGN_OR_RETURN(const Contact before, LockContact(contact.id));
  KABAR_RETURN_IF_ERROR(MoveIdentity("phone", before.phone, contact.phone, contact.id));
  KABAR_RETURN_IF_ERROR(MoveIdentity("bsuid", before.bsuid, contact.bsuid, contact.id));
  KABAR_ASSIGN_OR_RETURN(Contact after, WriteContact(contact.id, contact));
  if (after.phone != before.phone || after.bsuid != before.bsuid) RepeatOptOuts(after);
  return after;
}

absl::Status PgUnit::DeleteContact(const std::string& id) {
  KABAR_RETURN_IF_ERROR(LockContact(id).status());
  if (tx_.Exec(kEmpty, outlet_, id).affected_rows() == 1) {
    tx_.Exec(kDeleteShipments, outlet_, id);
  } else {
    tx_.Exec(kDelete, outlet_, id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Contact>> PgUnit::ListContacts(const SegmentFilter& filter,
                                                          const std::string& after_id, int limit) {
  filter_lang::SqlParams params(4);
  KABAR_ASSIGN_OR_RETURN(std::string condition, FilterSql(filter, params));
  if (filter.names_shipment()) {
    condition = absl::StrCat(
        "EXISTS (SELECT 1 FROM (SELECT 1) AS one LEFT JOIN shipments s ON s.outlet_id = "
        "c.outlet_id AND s.contact_id = c.id WHERE ",
        condition, ")");
  }
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

absl::StatusOr<Contact> PgUnit::FindContact(const std::string& phone, const std::string& bsuid) {
  std::optional<Owner> owner = OwnerOf("phone", phone);
  if (!owner || owner->deleted) owner = OwnerOf("bsuid", bsuid);
  if (!owner || owner->deleted) return Contact();
  return GetContact(owner->contact_id);
}

absl::StatusOr<Contact> PgUnit::FindOrInsertContact(const Contact& wanted) {
  std::optional<Owner> owner = OwnerOf("phone", wanted.phone);
  if (!owner) owner = OwnerOf("bsuid", wanted.bsuid);
  if (owner) return Adopt(*owner, wanted);
  const std::string id = base::NewId("con");
  Contact added = wanted;
  // Somebody else may write the same contact at this moment; claiming waited for him.
  if (const std::string other = Claim("phone", wanted.phone, id); other != id) {
    return Adopt({other, false}, wanted);
  }
  if (const std::string other = Claim("bsuid", wanted.bsuid, id); other != id) {
    if (wanted.phone.empty()) return Adopt({other, false}, wanted);
    added.bsuid.clear();  // two people, as far as we know: the phone is the surer sign
  }
  return WriteContact(id, added);
}

absl::StatusOr<Contact> PgUnit::Adopt(const Owner& owner, const Contact& wanted) {
  const std::string& id = owner.contact_id;
  Contact added = wanted;
  if (Claim("phone", wanted.phone, id) != id) added.phone.clear();
  if (Claim("bsuid", wanted.bsuid, id) != id) added.bsuid.clear();
  if (owner.deleted) return WriteContact(id, added);
  KABAR_ASSIGN_OR_RETURN(Contact known, GetContact(id));
  const bool news = (known.phone.empty() && !added.phone.empty()) ||
                    (known.bsuid.empty() && !added.bsuid.empty());
  if (!news) return known;
  Contact after = ContactOf(tx_.ExecOne(kAddIdentities, outlet_, id, added.phone, added.bsuid));
  RepeatOptOuts(after);
  return after;
}

absl::Status PgUnit::TouchInbound(const std::string& contact_id, absl::Time at) {
  tx_.Exec(kTouch, outlet_, contact_id, at);
  return absl::OkStatus();
}

}  // namespace kabar::contacts
