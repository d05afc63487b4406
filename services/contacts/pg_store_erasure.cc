// One person is erased; what he refused is remembered by the hashes of his addresses.
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

#define KABAR_ADDRESS_HASH(kind, value) \
  "sha256(k.key || convert_to(" kind " || E'\\n' || " value ", 'UTF8'))"

// Shells too: a deleted contact who had opted out is a person with a phone.
constexpr pg::Query kRoot{"contacts.erase_root",
                          "SELECT coalesce(merged_into, id) FROM contacts "
                          "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kLock{"contacts.erase_lock",
                          "SELECT 1 FROM contacts WHERE outlet_id = $1 AND id = $2 "
                          "AND merged_into IS NULL FOR UPDATE"};
constexpr pg::Query kIds{"contacts.erase_ids",
                         "SELECT id FROM contacts WHERE outlet_id = $1 "
                         "AND (id = $2 OR merged_into = $2) ORDER BY id FOR UPDATE"};
// Former numbers too: files still name them.
constexpr pg::Query kRemember{
    "contacts.erase_remember",
    "INSERT INTO erased_opt_outs (outlet_id, address, purpose) "
    "SELECT i.outlet_id, " KABAR_ADDRESS_HASH("i.kind", "i.value")
    ", p.purpose FROM contact_identities i "
    "JOIN contacts c ON c.outlet_id = i.outlet_id AND c.id = i.contact_id CROSS JOIN erasure_key k "
    "CROSS JOIN (VALUES ('DELIVERY_UPDATES'), ('MARKETING')) AS p(purpose) "
    "WHERE i.outlet_id = $1 AND i.contact_id = $2 "
    "AND i.kind IN ('phone', 'bsuid') AND CASE WHEN p.purpose = 'MARKETING' "
    "THEN c.marketing_opted_out ELSE c.delivery_updates_opted_out END ON CONFLICT DO NOTHING"};
constexpr pg::Query kNoteWhen{
    "contacts.erase_note_when",
    "INSERT INTO erased_addresses (outlet_id, address, person, erased_at) "
    "SELECT $1, " KABAR_ADDRESS_HASH("a.kind", "a.value") ", " KABAR_ADDRESS_HASH(
        "'contact'", "$2::text")
    ", clock_timestamp() FROM (SELECT i.kind, i.value FROM contact_identities i "
    "WHERE i.outlet_id = $1 AND i.contact_id = $2 AND i.kind IN ('phone', 'bsuid') "
    "UNION ALL SELECT 'contact', c.id FROM contacts c WHERE c.outlet_id = $1 "
    "AND (c.id = $2 OR c.merged_into = $2)) AS a CROSS JOIN erasure_key k "
    "ON CONFLICT (outlet_id, address) DO UPDATE SET person = excluded.person, "
    "erased_at = excluded.erased_at"};
// Longer than anything is on its way.
constexpr pg::Query kForgetWhen{"contacts.erase_forget_when",
                                "DELETE FROM erased_addresses WHERE outlet_id = $1 "
                                "AND erased_at < now() - interval '30 days'"};
constexpr pg::Query kShipments{"contacts.erase_shipments",
                               "DELETE FROM shipments WHERE outlet_id = $1 AND contact_id = $2"};
constexpr pg::Query kTimeline{"contacts.erase_timeline",
                              "DELETE FROM timeline WHERE outlet_id = $1 "
                              "AND contact_id = ANY($2::text[])"};
// Those merged into him, identities, consents and merges go with the row.
constexpr pg::Query kContact{"contacts.erase_contact",
                             "DELETE FROM contacts WHERE outlet_id = $1 AND id = $2"};
// Handed over, not copied: whoever has the address now has the refusal, and may take it back.
constexpr pg::Query kRecall{
    "contacts.recall_opt_outs",
    "WITH his AS (SELECT i.contact_id, " KABAR_ADDRESS_HASH("i.kind", "i.value")
    " AS address FROM unnest($2::text[]) AS w(id) "
    "JOIN contact_identities i ON i.outlet_id = $1 AND i.contact_id = w.id "
    "AND i.kind IN ('phone', 'bsuid') CROSS JOIN erasure_key k), "
    "gone AS (DELETE FROM erased_opt_outs e USING his WHERE e.outlet_id = $1 "
    "AND e.address = his.address RETURNING his.contact_id, e.purpose) "
    "SELECT DISTINCT contact_id, purpose FROM gone ORDER BY 1, 2"};
constexpr pg::Query kAny{
    "contacts.any_erased",
    "SELECT EXISTS (SELECT 1 FROM erased_opt_outs WHERE outlet_id = $1), now(), "
    "clock_timestamp()"};
constexpr pg::Query kByPhone{"contacts.ids_of_phones",
                             "SELECT DISTINCT contact_id FROM contact_identities WHERE outlet_id = "
                             "$1 AND kind = 'phone' AND value = ANY($2::text[])"};
constexpr pg::Query kAnySince{"contacts.any_erased_since",
                              "SELECT EXISTS (SELECT 1 FROM erased_addresses "
                              "WHERE outlet_id = $1 AND erased_at >= $2)"};
constexpr pg::Query kSince{
    "contacts.erased_since",
    "SELECT EXISTS (SELECT 1 FROM (VALUES ('phone', $2::text), ('bsuid', $3::text), "
    "('contact', $4::text)) "
    "AS a(kind, value) CROSS JOIN erasure_key k JOIN erased_addresses e ON e.outlet_id = $1 "
    "AND e.address = " KABAR_ADDRESS_HASH("a.kind", "a.value") " AND e.erased_at >= $5 "
    "WHERE a.value <> '')"};
constexpr pg::Query kRefuse{
    "contacts.refuse_erased",
    "WITH his AS (SELECT " KABAR_ADDRESS_HASH("a.kind", "a.value")
    " AS address FROM (VALUES ('phone', $2::text), ('bsuid', $3::text)) AS a(kind, value) "
    "CROSS JOIN erasure_key k WHERE a.value <> '' "
    "UNION SELECT e.address FROM erased_addresses e WHERE e.outlet_id = $1 AND e.person = "
    "(SELECT c.person FROM erased_addresses c CROSS JOIN erasure_key k WHERE c.outlet_id = $1 "
    "AND c.address = " KABAR_ADDRESS_HASH("'contact'", "$4::text")
    ")) INSERT INTO erased_opt_outs (outlet_id, address, purpose) "
    "SELECT $1, his.address, p.purpose FROM his CROSS JOIN unnest($5::text[]) AS p(purpose) "
    "ON CONFLICT DO NOTHING RETURNING 1"};
// Whoever has an address again of one of whom no address is known, only that he wrote to us: his
// contact was written since. It takes a look at all contacts, so it is for who answered hidden.
constexpr pg::Query kRefusedOwners{
    "contacts.refused_owners",
    "WITH his AS (SELECT e.address, e.erased_at FROM erased_addresses e WHERE e.outlet_id = $1 "
    "AND e.person = (SELECT c.person FROM erased_addresses c CROSS JOIN erasure_key k "
    "WHERE c.outlet_id = $1 AND c.address = " KABAR_ADDRESS_HASH("'contact'", "$2::text")
    ")) SELECT DISTINCT i.contact_id FROM contacts c CROSS JOIN erasure_key k "
    "JOIN contact_identities i ON i.outlet_id = c.outlet_id AND i.contact_id = c.id "
    "AND i.kind IN ('phone', 'bsuid') WHERE c.outlet_id = $1 "
    "AND c.updated_at >= (SELECT min(erased_at) FROM his) - interval '5 minutes' "
    "AND " KABAR_ADDRESS_HASH("i.kind", "i.value") " IN (SELECT address FROM his)"};

}  // namespace

// He, or the one he was merged into: locked, so that no merge moves anything meanwhile.
absl::StatusOr<std::string> PgUnit::LockPerson(const std::string& id) {
  for (int i = 0; i < 4; ++i) {
    const std::optional<pqxx::row> root = tx_.ExecMaybe(kRoot, outlet_, id);
    if (!root) break;
    const std::string found = pg::TextField((*root)[0]);
    if (tx_.ExecMaybe(kLock, outlet_, found)) return found;
  }
  return base::Error(absl::StatusCode::kNotFound, "CONTACT_NOT_FOUND",
                     "this outlet has no such contact; was it erased already?");
}

absl::StatusOr<Erased> PgUnit::EraseContact(const std::string& id) {
  HoldPeople(/*alone=*/true);
  Erased out;
  KABAR_ASSIGN_OR_RETURN(out.contact_id, LockPerson(id));
  KABAR_ASSIGN_OR_RETURN(const std::vector<Identity> identities, ListIdentities(out.contact_id));
  tx_.Exec(kRemember, outlet_, out.contact_id);
  tx_.Exec(kNoteWhen, outlet_, out.contact_id);
  tx_.Exec(kForgetWhen, outlet_);
  events::v1::Event* event = events_->add_events();
  event->set_outlet_id(outlet_);
  const pqxx::row now = tx_.ExecOne(kAny, outlet_);
  event->mutable_time()->set_seconds(absl::ToUnixSeconds(pg::TimeField(now[1])));
  events::v1::ContactErased* erased = event->mutable_contact_erased();
  const int64_t micros = absl::ToUnixMicros(pg::TimeField(now[2]));
  erased->mutable_erase_time()->set_seconds(micros / 1'000'000);
  erased->mutable_erase_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
  pg::ArrayBuilder ids;
  for (const pqxx::row& row : tx_.Exec(kIds, outlet_, out.contact_id)) {
    erased->add_contact_ids(pg::TextField(row[0]));
    ids.Add(pg::TextField(row[0]));
    ++out.contacts;
  }
  for (const Identity& one : identities) {
    if (one.kind == IdentityKind::kPhone) erased->add_phones(one.value);
    if (one.kind == IdentityKind::kBsuid) erased->add_bsuids(one.value);
  }
  ForgetRefusedRowsOf(out.contact_id);  // before the shipments, whose numbers tell them
  out.shipments =
      static_cast<int64_t>(tx_.Exec(kShipments, outlet_, out.contact_id).affected_rows());
  out.timeline =
      static_cast<int64_t>(tx_.Exec(kTimeline, outlet_, std::move(ids).Finish()).affected_rows());
  tx_.Exec(kContact, outlet_, out.contact_id);
  return out;
}

// Also for a shell: its state is what the next import finds.
void PgUnit::RecallOptOuts(const std::vector<std::string>& ids) {
  const pqxx::row any = tx_.ExecOne(kAny, outlet_);
  if (!any[0].as<bool>()) return;
  for (const pqxx::row& row : tx_.Exec(kRecall, outlet_, pg::TextArray(ids))) {
    const Purpose purpose = pg::TextField(row[1]) == PurposeName(Purpose::kMarketing)
                                ? Purpose::kMarketing
                                : Purpose::kDeliveryUpdates;
    const Consent out{pg::TextField(row[0]), purpose, /*opted_out=*/true, "before erasure",
                      pg::TimeField(any[1])};
    SettleConsent(out);
    AddConsentEvents(out);
  }
}

void PgUnit::RecallOptOutsOfPhones(const std::string& phones) {
  if (!tx_.ExecOne(kAny, outlet_)[0].as<bool>()) return;
  std::vector<std::string> ids;
  for (const pqxx::row& row : tx_.Exec(kByPhone, outlet_, phones)) {
    ids.push_back(pg::TextField(row[0]));
  }
  RecallOptOuts(ids);
}

absl::StatusOr<bool> PgUnit::AnyErasedSince(absl::Time time) {
  return tx_.ExecOne(kAnySince, outlet_, time)[0].as<bool>();
}

absl::StatusOr<bool> PgUnit::ErasedSince(const Contact& who, absl::Time time) {
  return tx_.ExecOne(kSince, outlet_, who.phone, who.bsuid, who.id, time)[0].as<bool>();
}

absl::Status PgUnit::RefuseForErased(const Contact& who, absl::Span<const Purpose> purposes) {
  pg::ArrayBuilder names;
  for (const Purpose purpose : purposes) names.Add(std::string(PurposeName(purpose)));
  HoldPeople(/*alone=*/true);
  const pqxx::result noted =
      tx_.Exec(kRefuse, outlet_, who.phone, who.bsuid, who.id, std::move(names).Finish());
  if (noted.empty()) return absl::OkStatus();  // noted before, or nobody who was erased
  // A file may have brought him back before his STOP was read.
  std::vector<std::string> owners;
  for (const IdentityKind kind : {IdentityKind::kPhone, IdentityKind::kBsuid}) {
    if (const auto owner = OwnerOf(kind, IdentityOf(who, kind))) {
      owners.push_back(owner->contact_id);
    }
  }
  if (who.phone.empty()) {
    for (const pqxx::row& row : tx_.Exec(kRefusedOwners, outlet_, who.id)) {
      owners.push_back(pg::TextField(row[0]));
    }
  }
  if (!owners.empty()) RecallOptOuts(owners);
  return absl::OkStatus();
}

void ForgetTimelineOf(pg::Transaction& tx, const std::string& outlet,
                      const events::v1::ContactErased& erased) {
  pg::ArrayBuilder ids;
  for (const std::string& id : erased.contact_ids()) ids.Add(id);
  tx.Exec(kTimeline, outlet, std::move(ids).Finish());
}

}  // namespace kabar::contacts
