// Consents: every change kept, the present state on the contact, each change an event.
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// Locked, so that changes of one contact have one order, in the history as in the events.
constexpr pg::Query kLock{"contacts.lock_for_consent",
                          "SELECT phone, bsuid FROM contacts "
                          "WHERE outlet_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE"};
constexpr pg::Query kNewest{"contacts.newest_consent",
                            "SELECT contact_id, purpose, opted_out, source, changed_at "
                            "FROM consent_changes "
                            "WHERE outlet_id = $1 AND contact_id = $2 AND purpose = $3 "
                            "ORDER BY id DESC LIMIT 1"};
constexpr pg::Query kAdd{"contacts.add_consent",
                         "INSERT INTO consent_changes "
                         "(outlet_id, contact_id, purpose, opted_out, source, changed_at) "
                         "VALUES ($1, $2, $3, $4, $5, $6)"};
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
constexpr pg::Query kNow{"contacts.now", "SELECT now()"};
constexpr pg::Query kList{"contacts.list_consents",
                          "SELECT contact_id, purpose, opted_out, source, changed_at "
                          "FROM consent_changes WHERE outlet_id = $1 AND contact_id = $2 "
                          "ORDER BY id DESC LIMIT 1000"};

Consent ConsentOf(const pqxx::row& row) {
  Consent consent;
  consent.contact_id = pg::TextField(row[0]);
  consent.purpose = pg::TextField(row[1]) == PurposeName(Purpose::kMarketing)
                        ? Purpose::kMarketing
                        : Purpose::kDeliveryUpdates;
  consent.opted_out = row[2].as<bool>();
  consent.source = pg::TextField(row[3]);
  consent.changed_at = pg::TimeField(row[4]);
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

absl::StatusOr<Consent> PgUnit::SetConsent(const Consent& wanted) {
  const std::optional<pqxx::row> contact = tx_.ExecMaybe(kLock, outlet_, wanted.contact_id);
  if (!contact) {
    return base::Error(absl::StatusCode::kNotFound, "CONTACT_NOT_FOUND",
                       "this outlet has no such contact; list its contacts to see which there are");
  }
  const std::string purpose(PurposeName(wanted.purpose));
  if (const auto newest = tx_.ExecMaybe(kNewest, outlet_, wanted.contact_id, purpose)) {
    Consent known = ConsentOf(*newest);
    if (known.opted_out == wanted.opted_out) return known;
  }
  tx_.Exec(kAdd, outlet_, wanted.contact_id, purpose, wanted.opted_out, wanted.source,
           wanted.changed_at);
  tx_.Exec(kSetState, outlet_, wanted.contact_id, purpose, wanted.opted_out);
  AddEvent(outlet_, wanted, pg::TextField((*contact)[0]), pg::TextField((*contact)[1]), events_);
  return wanted;
}

absl::StatusOr<std::vector<Consent>> PgUnit::ListConsents(const std::string& contact_id) {
  KABAR_RETURN_IF_ERROR(GetContact(contact_id).status());
  std::vector<Consent> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, contact_id)) {
    out.push_back(ConsentOf(row));
  }
  return out;
}

void PgUnit::RepeatOptOuts(const Contact& contact) {
  const pqxx::row flags = tx_.ExecOne(kOptOuts, outlet_, contact.id);
  for (const Purpose purpose : kAllPurposes) {
    if (!flags[purpose == Purpose::kMarketing ? 1 : 0].as<bool>()) continue;
    const absl::Time now = pg::TimeField(tx_.ExecOne(kNow)[0]);
    AddEvent(outlet_, {contact.id, purpose, true, "new identity", now}, contact.phone,
             contact.bsuid, events_);
  }
}

}  // namespace kabar::contacts
