// What contacts are known by: phones, BSUIDs, usernames.
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_rows.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kOwner{
    "contacts.owner",
    "SELECT i.contact_id, c.deleted_at IS NOT NULL, i.former_since IS NOT NULL, i.merged_from "
    "FROM contact_identities i "
    "JOIN contacts c ON c.outlet_id = i.outlet_id AND c.id = i.contact_id "
    "WHERE i.outlet_id = $1 AND i.kind = $2 AND i.value = $3"};
// Holds the contact if it is there already, until the end of the transaction: what is added to one
// that is being deleted would be nobody's.
constexpr pg::Query kClaim{
    "contacts.claim_identity",
    "WITH held AS (SELECT 1 FROM contacts WHERE outlet_id = $1 AND id = $4 FOR KEY SHARE) "
    "INSERT INTO contact_identities (outlet_id, kind, value, contact_id, merged_from) "
    "SELECT $1, $2, $3, $4, $5 FROM (SELECT count(*) FROM held) AS h "
    "ON CONFLICT (outlet_id, kind, value) DO NOTHING"};
// One lock an outlet: who adds addresses to people shares it, who makes one of two, two of one or
// nobody of somebody holds it alone. So an address that was looked up is still whose it was when it
// is written by. Files share it chunk by chunk.
constexpr pg::Query kSharePeople{
    "contacts.share_people",
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('contacts.people ' || $1, 0))"};
constexpr pg::Query kHoldPeople{
    "contacts.hold_people",
    "SELECT pg_advisory_xact_lock(hashtextextended('contacts.people ' || $1, 0))"};
constexpr pg::Query kInUse{"contacts.identity_in_use",
                           "UPDATE contact_identities SET former_since = NULL "
                           "WHERE outlet_id = $1 AND kind = $2 AND value = $3 "
                           "AND contact_id = $4 AND former_since IS NOT NULL"};
constexpr pg::Query kRelease{"contacts.release_identity",
                             "DELETE FROM contact_identities "
                             "WHERE outlet_id = $1 AND kind = $2 AND value = $3 AND contact_id = "
                             "$4"};
constexpr pg::Query kAddIdentities{
    "contacts.add_identities",
    "UPDATE contacts c SET phone = CASE WHEN c.phone = '' THEN $3 ELSE c.phone END, "
    "bsuid = CASE WHEN c.bsuid = '' THEN $4 ELSE c.bsuid END, "
    "username = CASE WHEN c.username = '' THEN $5 ELSE c.username END, updated_at = now() "
    "WHERE c.outlet_id = $1 AND c.id = $2 RETURNING " KABAR_CONTACT_COLUMNS};
constexpr pg::Query kList{
    "contacts.list_identities",
    "SELECT kind, value, former_since, merged_from FROM contact_identities "
    "WHERE outlet_id = $1 AND contact_id = $2 ORDER BY former_since NULLS FIRST, kind, value"};
// Its own if it still has it, else another that is in use.
#define KABAR_REPAIRED(kind)                                                                    \
  kind " = coalesce((SELECT i.value FROM contact_identities i WHERE i.outlet_id = c.outlet_id " \
       "AND i.contact_id = c.id AND i.kind = '" kind                                            \
       "' AND i.former_since IS NULL "                                                          \
       "ORDER BY i.value <> c." kind ", i.value LIMIT 1), '')"
constexpr pg::Query kRepair{
    "contacts.repair_identities",
    "UPDATE contacts c SET " KABAR_REPAIRED("phone") ", " KABAR_REPAIRED(
        "bsuid") ", " KABAR_REPAIRED("username") " WHERE c.outlet_id = $1 AND c.id = $2"};
#undef KABAR_REPAIRED

IdentityKind KindOf(absl::string_view name) {
  for (const IdentityKind kind : kAllIdentityKinds) {
    if (name == IdentityKindName(kind)) return kind;
  }
  return IdentityKind::kPhone;
}

}  // namespace

void PgUnit::HoldPeople(bool alone) {
  if (holds_people_alone_ || (shares_people_ && !alone)) return;
  tx_.Exec(alone ? kHoldPeople : kSharePeople, outlet_);
  (alone ? holds_people_alone_ : shares_people_) = true;
}

std::optional<PgUnit::Owner> PgUnit::OwnerOf(IdentityKind kind, const std::string& value) {
  if (value.empty()) return std::nullopt;
  const std::optional<pqxx::row> row =
      tx_.ExecMaybe(kOwner, outlet_, IdentityKindName(kind), value);
  if (!row) return std::nullopt;
  return Owner{pg::TextField((*row)[0]), (*row)[1].as<bool>(), (*row)[2].as<bool>(),
               pg::TextField((*row)[3])};
}

std::string PgUnit::Claim(IdentityKind kind, const std::string& value,
                          const std::string& contact_id, const std::string& merged_from) {
  if (value.empty()) return contact_id;
  const pqxx::result claimed =
      tx_.Exec(kClaim, outlet_, IdentityKindName(kind), value, contact_id, merged_from);
  if (claimed.affected_rows() == 1) {
    ++claims_;
    return contact_id;
  }
  const std::optional<Owner> owner = OwnerOf(kind, value);
  return owner ? owner->contact_id : "";
}

void PgUnit::Release(IdentityKind kind, const std::string& value, const std::string& contact_id) {
  tx_.Exec(kRelease, outlet_, IdentityKindName(kind), value, contact_id);
}

void PgUnit::RepairIdentities(const std::string& contact_id) {
  tx_.Exec(kRepair, outlet_, contact_id);
}

absl::Status PgUnit::MoveIdentity(IdentityKind kind, const std::string& before,
                                  const std::string& after, const std::string& contact_id) {
  if (before == after) return absl::OkStatus();
  if (Claim(kind, after, contact_id) != contact_id) {
    return IdentityTaken(kind, OwnerOf(kind, after).value_or(Owner()));
  }
  // One that he had given up: his again.
  if (!after.empty()) tx_.Exec(kInUse, outlet_, IdentityKindName(kind), after, contact_id);
  if (!before.empty()) Release(kind, before, contact_id);
  return absl::OkStatus();
}

absl::Status PgUnit::IdentityTaken(IdentityKind kind, const Owner& owner) {
  const std::string message =
      owner.deleted
          ? absl::StrCat("a deleted contact, kept for what he refused, has this ",
                         IdentityKindName(kind),
                         "; merge it (metadata contact_id) into the other first (MergeContacts)")
          : absl::StrCat("another contact has this ", IdentityKindName(kind),
                         "; update that contact (metadata contact_id) instead");
  return base::WithMeta(base::Error(absl::StatusCode::kAlreadyExists, "CONTACT_EXISTS", message),
                        "contact_id", owner.contact_id);
}

absl::StatusOr<std::vector<Identity>> PgUnit::ListIdentities(const std::string& contact_id) {
  std::vector<Identity> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, contact_id)) {
    out.push_back({KindOf(pg::TextField(row[0])), pg::TextField(row[1]), pg::OptTimeField(row[2]),
                   pg::TextField(row[3])});
  }
  return out;
}

absl::StatusOr<Contact> PgUnit::FindContact(const Contact& wanted) {
  for (const IdentityKind kind : kAllIdentityKinds) {
    const std::optional<Owner> owner = OwnerOf(kind, IdentityOf(wanted, kind));
    if (owner && !owner->deleted) return GetContact(owner->contact_id);
  }
  return Contact();
}

absl::StatusOr<Contact> PgUnit::FindOrInsertContact(const Contact& wanted) {
  HoldPeople(/*alone=*/false);
  for (const IdentityKind kind : kAllIdentityKinds) {
    if (const auto owner = OwnerOf(kind, IdentityOf(wanted, kind))) return Adopt(*owner, wanted);
  }
  const std::string id = base::NewId("con");
  Contact added = wanted;
  // Somebody else may write the same contact at this moment; claiming waited for him.
  if (const std::string other = Claim(IdentityKind::kPhone, wanted.phone, id); other != id) {
    return Adopt({.contact_id = other}, wanted);
  }
  if (const std::string other = Claim(IdentityKind::kBsuid, wanted.bsuid, id); other != id) {
    if (wanted.phone.empty()) return Adopt({.contact_id = other}, wanted);
    added.bsuid.clear();  // two people, as far as we know: the phone is the surer sign
  }
  if (Claim(IdentityKind::kUsername, wanted.username, id) != id) added.username.clear();
  KABAR_ASSIGN_OR_RETURN(const Contact written, WriteContact(id, added));
  RecallOptOuts({id});
  return written;
}

absl::StatusOr<Recognized> PgUnit::FindOrInsertByPhone(const Contact& wanted) {
  Recognized out;
  KABAR_ASSIGN_OR_RETURN(out.contact, FindOrInsertContact(wanted));
  const std::optional<Owner> owner = OwnerOf(IdentityKind::kPhone, wanted.phone);
  if (owner && owner->contact_id == out.contact.id) out.merged_from = owner->merged_from;
  return out;
}

absl::StatusOr<Contact> PgUnit::Adopt(const Owner& owner, const Contact& wanted) {
  const std::string& id = owner.contact_id;
  const int64_t claims_before = claims_;
  Contact added = wanted;
  const auto claim = [&](IdentityKind kind, std::string& value) {
    if (Claim(kind, value, id, owner.merged_from) != id) value.clear();
  };
  claim(IdentityKind::kPhone, added.phone);
  claim(IdentityKind::kBsuid, added.bsuid);
  claim(IdentityKind::kUsername, added.username);
  if (owner.deleted) {
    KABAR_ASSIGN_OR_RETURN(const Contact woken, WriteContact(id, added));
    RepeatOptOuts(id);
    RecallOptOuts({id});
    return woken;
  }
  KABAR_ASSIGN_OR_RETURN(Contact known, GetContact(id));
  // One that he gave up is not his to be written to again.
  const auto news = [&](IdentityKind kind) {
    const std::string& value = IdentityOf(added, kind);
    if (!IdentityOf(known, kind).empty() || value.empty()) return false;
    const std::optional<Owner> now = OwnerOf(kind, value);
    return now && !now->former;
  };
  if (!news(IdentityKind::kPhone)) added.phone.clear();
  if (!news(IdentityKind::kBsuid)) added.bsuid.clear();
  if (!news(IdentityKind::kUsername)) added.username.clear();
  if (added.phone.empty() && added.bsuid.empty() && added.username.empty()) {
    // A second address of a kind: not the one in use, but he may be written to by it.
    if (claims_ > claims_before) {
      RepeatOptOuts(id);
      RecallOptOuts({id});
    }
    return known;
  }
  Contact after =
      ContactOf(tx_.ExecOne(kAddIdentities, outlet_, id, added.phone, added.bsuid, added.username));
  RepeatOptOuts(id);
  RecallOptOuts({id});
  return after;
}

}  // namespace kabar::contacts
