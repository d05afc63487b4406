// Consents: every change kept, the present state on the contact, each change an event.
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kNewest{
    "contacts.newest_consent",
    "SELECT contact_id, purpose, opted_out, source, changed_at, merged_from, id "
    "FROM consent_changes "
    "WHERE outlet_id = $1 AND contact_id = $2 AND purpose = $3 "
    "ORDER BY id DESC LIMIT 1"};
// What one said himself by his own aliases, not what a merge made of it.
constexpr pg::Query kOwn{
    "contacts.own_word",
    "SELECT opted_out FROM consent_changes WHERE outlet_id = $1 AND contact_id = $2 "
    "AND purpose = $3 AND merged_from = $4 AND source NOT IN ('merge', 'unmerge') "
    "ORDER BY id DESC LIMIT 1"};
constexpr pg::Query kAdd{
    "contacts.add_consent",
    "INSERT INTO consent_changes "
    "(outlet_id, contact_id, purpose, opted_out, source, changed_at, merged_from) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"};
constexpr pg::Query kSetState{
    "contacts.set_consent_state",
    "UPDATE contacts SET "
    "delivery_updates_opted_out = CASE WHEN $3 = 'DELIVERY_UPDATES' THEN $4::boolean "
    "ELSE delivery_updates_opted_out END, "
    "marketing_opted_out = CASE WHEN $3 = 'MARKETING' THEN $4::boolean "
    "ELSE marketing_opted_out END "
    "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kOptOuts{"contacts.opt_outs",
                             "SELECT delivery_updates_opted_out, marketing_opted_out "
                             "FROM contacts WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kAddresses{
    "contacts.addresses", "SELECT phone, bsuid FROM contacts WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kNow{"contacts.now", "SELECT now()"};
constexpr pg::Query kList{
    "contacts.list_consents",
    "SELECT contact_id, purpose, opted_out, source, changed_at, merged_from, id "
    "FROM consent_changes WHERE outlet_id = $1 AND contact_id = $2 "
    "AND ($3::bigint = 0 OR id < $3) ORDER BY id DESC LIMIT $4"};

Consent ConsentOf(const pqxx::row& row) {
  Consent consent;
  consent.contact_id = pg::TextField(row[0]);
  consent.purpose = pg::TextField(row[1]) == PurposeName(Purpose::kMarketing)
                        ? Purpose::kMarketing
                        : Purpose::kDeliveryUpdates;
  consent.opted_out = row[2].as<bool>();
  consent.source = pg::TextField(row[3]);
  consent.changed_at = pg::TimeField(row[4]);
  consent.merged_from = pg::TextField(row[5]);
  consent.number = row[6].as<int64_t>();
  return consent;
}

void AddEvent(const std::string& outlet, const Consent& consent, const std::string& phone,
              const std::string& bsuid, events::v1::EventBatch* events) {
  events::v1::Event* event = events->add_events();
  event->set_outlet_id(outlet);
  const int64_t micros = absl::ToUnixMicros(consent.changed_at);
  event->mutable_time()->set_seconds(micros / 1'000'000);
  event->mutable_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
  events::v1::ConsentChanged* change = event->mutable_consent_changed();
  change->set_contact_id(consent.contact_id);
  change->set_phone(phone);
  change->set_bsuid(bsuid);
  change->set_purpose(std::string(PurposeName(consent.purpose)));
  change->set_opted_out(consent.opted_out);
  change->set_source(consent.source);
}

}  // namespace

// The contact is locked, so that its changes have one order, in the history as in the events.
absl::StatusOr<Consent> PgUnit::SetConsent(const Consent& asked) {
  KABAR_ASSIGN_OR_RETURN(const Contact contact, LockContact(asked.contact_id));
  Consent wanted = asked;
  wanted.contact_id = contact.id;
  if (asked.contact_id != contact.id) wanted.merged_from = asked.contact_id;
  const std::string purpose(PurposeName(wanted.purpose));
  const auto newest = tx_.ExecMaybe(kNewest, outlet_, wanted.contact_id, purpose);
  if (newest && ConsentOf(*newest).opted_out == wanted.opted_out) {
    const auto own = tx_.ExecMaybe(kOwn, outlet_, wanted.contact_id, purpose, wanted.merged_from);
    if (own && (*own)[0].as<bool>() == wanted.opted_out) return ConsentOf(*newest);
    // It holds already, but by somebody else's word, which may go when a merge is undone.
    // Told all the same: who suppresses may have it from the other alone.
    SettleConsent(wanted, /*always=*/true);
    AddConsentEvents(wanted);
    return wanted;
  }
  SettleConsent(wanted);
  AddConsentEvents(wanted);
  return wanted;
}

void PgUnit::SettleConsent(const Consent& wanted, bool always) {
  const std::string purpose(PurposeName(wanted.purpose));
  const auto newest = tx_.ExecMaybe(kNewest, outlet_, wanted.contact_id, purpose);
  const bool known = newest && ConsentOf(*newest).opted_out == wanted.opted_out;
  // Whoever never said anything and is not opted out has not said that either.
  const bool nothing =
      !newest && !wanted.opted_out && (wanted.source == "merge" || wanted.source == "unmerge");
  if (always || (!known && !nothing)) {
    tx_.Exec(kAdd, outlet_, wanted.contact_id, purpose, wanted.opted_out, wanted.source,
             wanted.changed_at, wanted.merged_from);
  }
  tx_.Exec(kSetState, outlet_, wanted.contact_id, purpose, wanted.opted_out);
}

absl::Status PgUnit::RefuseMarketing(const std::string& contact_id, absl::Time at) {
  HoldPeople(/*alone=*/true);  // as below, where he was erased
  const absl::Status status =
      SetConsent({contact_id, Purpose::kMarketing, /*opted_out=*/true, "provider", at}).status();
  if (base::GetReason(status) != "CONTACT_NOT_FOUND") return status;
  Contact erased;
  erased.id = contact_id;
  return RefuseForErased(erased, {Purpose::kMarketing});
}

absl::StatusOr<std::vector<Consent>> PgUnit::ListConsents(const std::string& contact_id,
                                                          int64_t before, int limit) {
  KABAR_ASSIGN_OR_RETURN(const Contact contact, GetContact(contact_id));
  std::vector<Consent> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, contact.id, before, limit)) {
    out.push_back(ConsentOf(row));
  }
  return out;
}

// One for the addresses in use, one for each other: messages to that may be on their way.
void PgUnit::AddConsentEvents(const Consent& consent) {
  const pqxx::row in_use = tx_.ExecOne(kAddresses, outlet_, consent.contact_id);
  const std::string phone = pg::TextField(in_use[0]), bsuid = pg::TextField(in_use[1]);
  AddEvent(outlet_, consent, phone, bsuid, events_);
  const auto identities = ListIdentities(consent.contact_id);
  if (!identities.ok()) return;
  for (const Identity& one : *identities) {
    if (one.former_since) continue;
    if (one.kind == IdentityKind::kPhone && one.value != phone) {
      AddEvent(outlet_, consent, one.value, "", events_);
    } else if (one.kind == IdentityKind::kBsuid && one.value != bsuid) {
      AddEvent(outlet_, consent, "", one.value, events_);
    }
  }
}

void PgUnit::RepeatOptOuts(const std::string& contact_id) {
  const pqxx::row flags = tx_.ExecOne(kOptOuts, outlet_, contact_id);
  for (const Purpose purpose : kAllPurposes) {
    if (!flags[purpose == Purpose::kMarketing ? 1 : 0].as<bool>()) continue;
    const absl::Time now = pg::TimeField(tx_.ExecOne(kNow)[0]);
    AddConsentEvents({contact_id, purpose, true, "new identity", now});
  }
}

}  // namespace kabar::contacts
