// Two contacts that become one, and two again; pairs that may be one.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "nlohmann/json.hpp"
#include "services/contacts/merge.h"
#include "services/contacts/pg_store_rows.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

using Json = nlohmann::json;

// Both in one order, so that two merges of the same pair wait for each other. Shells count: the
// opt-out of a deleted contact must not get lost.
constexpr pg::Query kLockPair{"contacts.lock_pair",
                              "SELECT " KABAR_CONTACT_COLUMNS
                              ", c.delivery_updates_opted_out, c.marketing_opted_out, "
                              "c.deleted_at IS NOT NULL FROM contacts c "
                              "WHERE c.outlet_id = $1 AND c.id IN ($2, $3) "
                              "AND c.merged_into IS NULL ORDER BY c.id FOR UPDATE"};
#define KABAR_TO_SURVIVOR(table)                                                             \
  "UPDATE " table                                                                            \
  " SET contact_id = $2, merged_from = CASE WHEN merged_from = '' THEN $3 ELSE merged_from " \
  "END WHERE outlet_id = $1 AND contact_id = $3"
#define KABAR_BACK(table)                                                                    \
  "UPDATE " table                                                                            \
  " SET contact_id = $3, merged_from = CASE WHEN merged_from = $3 THEN '' ELSE merged_from " \
  "END WHERE outlet_id = $1 AND contact_id = $2 AND merged_from = ANY($4::text[])"
// Everything that belongs to a contact. Audiences name ids, which merged contacts keep.
constexpr pg::Query kToSurvivor[] = {
    {"contacts.merge_identities", KABAR_TO_SURVIVOR("contact_identities")},
    {"contacts.merge_shipments", KABAR_TO_SURVIVOR("shipments")},
    {"contacts.merge_consents", KABAR_TO_SURVIVOR("consent_changes")},
    {"contacts.merge_timeline", KABAR_TO_SURVIVOR("timeline")},
    {"contacts.merge_facts", KABAR_TO_SURVIVOR("facts")},
};
constexpr pg::Query kBack[] = {
    {"contacts.unmerge_identities", KABAR_BACK("contact_identities")},
    {"contacts.unmerge_shipments", KABAR_BACK("shipments")},
    {"contacts.unmerge_consents", KABAR_BACK("consent_changes")},
    {"contacts.unmerge_timeline", KABAR_BACK("timeline")},
    {"contacts.unmerge_facts", KABAR_BACK("facts")},
};
constexpr pg::Query kFollowers{"contacts.merge_followers",
                               "UPDATE contacts SET merged_into = $2 "
                               "WHERE outlet_id = $1 AND merged_into = $3 RETURNING id"};
constexpr pg::Query kMergeAway{"contacts.merge_away",
                               "UPDATE contacts SET merged_into = $2, "
                               "deleted_at = coalesce(deleted_at, $4), updated_at = now() "
                               "WHERE outlet_id = $1 AND id = $3"};
constexpr pg::Query kSetInbound{"contacts.set_inbound",
                                "UPDATE contacts SET last_inbound_at = $3 "
                                "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kForgetShared{
    "contacts.forget_shared",
    "DELETE FROM shared_identities WHERE outlet_id = $1 AND first_id = least($2::text COLLATE "
    "\"C\", $3::text) AND second_id = greatest($2::text COLLATE \"C\", $3::text)"};
constexpr pg::Query kInsert{
    "contacts.insert_merge",
    "INSERT INTO contact_merges (outlet_id, id, survivor_id, merged_id, reason, who, "
    "survivor_before, survivor_after, merged_before, followers, merged_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text[], $11)"};
#define KABAR_MERGE_COLUMNS                                                               \
  "id, survivor_id, merged_id, reason, who, merged_at, survivor_before, survivor_after, " \
  "merged_before, followers, undone_at, undone_by, number"
constexpr pg::Query kGet{"contacts.get_merge", "SELECT " KABAR_MERGE_COLUMNS
                                               " FROM contact_merges WHERE outlet_id = $1 "
                                               "AND id = $2"};
constexpr pg::Query kLockMerge{"contacts.lock_merge", "SELECT " KABAR_MERGE_COLUMNS
                                                      " FROM contact_merges WHERE outlet_id = $1 "
                                                      "AND id = $2 FOR UPDATE"};
constexpr pg::Query kList{"contacts.list_merges",
                          "SELECT " KABAR_MERGE_COLUMNS
                          " FROM contact_merges WHERE outlet_id = $1 "
                          "AND ($2 = '' OR survivor_id = $2 OR merged_id = $2) "
                          "AND ($3::bigint = 0 OR number < $3) ORDER BY number DESC LIMIT $4"};
constexpr pg::Query kUndone{"contacts.merge_undone",
                            "UPDATE contact_merges SET undone_at = now(), undone_by = $3 "
                            "WHERE outlet_id = $1 AND id = $2"};
// A shell stays one: it was deleted before, at another moment.
constexpr pg::Query kStandAlone{
    "contacts.stand_alone",
    "UPDATE contacts SET merged_into = NULL, "
    "deleted_at = CASE WHEN deleted_at = $3 THEN NULL ELSE deleted_at END, updated_at = now() "
    "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kFollowBack{"contacts.unmerge_followers",
                                "UPDATE contacts SET merged_into = $2 "
                                "WHERE outlet_id = $1 AND id = ANY($3::text[])"};
// What each says without this merge.
constexpr pg::Query kOwnConsent{
    "contacts.own_consent",
    "SELECT opted_out FROM consent_changes WHERE outlet_id = $1 AND contact_id = $2 "
    "AND purpose = $3 AND NOT (source = 'merge' AND changed_at = $4) ORDER BY id DESC LIMIT 1"};
constexpr pg::Query kClock{"contacts.clock", "SELECT clock_timestamp()"};

std::string ToJson(const Contact& contact) {
  Json out = {{"vip", contact.vip},
              {"satisfaction", contact.satisfaction},
              {"attributes", contact.attributes},
              {"tags", contact.tags}};
  for (const ContactText& text : ContactTexts()) {
    out[std::string(text.name)] = contact.*text.member;
  }
  if (contact.last_inbound_at) out["last_inbound"] = absl::ToUnixMicros(*contact.last_inbound_at);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Contact FromJson(const std::string& id, const char* json) {
  const Json in = Json::parse(json, nullptr, false);
  Contact out;
  out.id = id;
  if (!in.is_object()) return out;
  out.vip = in.value("vip", false);
  out.satisfaction = in.value("satisfaction", 0);
  out.attributes = in.value("attributes", out.attributes);
  out.tags = in.value("tags", out.tags);
  for (const ContactText& text : ContactTexts()) {
    out.*text.member = in.value(std::string(text.name), std::string());
  }
  if (in.contains("last_inbound")) {
    out.last_inbound_at = absl::FromUnixMicros(in["last_inbound"].get<int64_t>());
  }
  return out;
}

Merge MergeOf(const pqxx::row& row) {
  Merge merge;
  merge.id = pg::TextField(row[0]);
  merge.survivor_id = pg::TextField(row[1]);
  merge.merged_id = pg::TextField(row[2]);
  merge.reason = pg::TextField(row[3]);
  merge.by = pg::TextField(row[4]);
  merge.time = pg::TimeField(row[5]);
  merge.survivor_before = FromJson(merge.survivor_id, row[6].c_str());
  merge.survivor_after = FromJson(merge.survivor_id, row[7].c_str());
  merge.merged_before = FromJson(merge.merged_id, row[8].c_str());
  merge.followers = pg::TextArrayField(row[9]);
  merge.undone_at = pg::OptTimeField(row[10]);
  merge.undone_by = pg::TextField(row[11]);
  merge.number = row[12].as<int64_t>();
  return merge;
}

absl::Status Precondition(absl::string_view reason, absl::string_view message) {
  return base::Error(absl::StatusCode::kFailedPrecondition, reason, message);
}

struct Party {
  Contact contact;
  bool opted_out[2] = {false, false};  // by kAllPurposes
  bool deleted = false;
};

Party PartyOf(const pqxx::row& row) {
  constexpr pqxx::row::size_type kFirst = 24;
  return {ContactOf(row),
          {row[kFirst].as<bool>(), row[kFirst + 1].as<bool>()},
          row[kFirst + 2].as<bool>()};
}

}  // namespace

absl::StatusOr<Merge> PgUnit::MergeContacts(const std::string& survivor_id,
                                            const std::string& merged_id, const std::string& reason,
                                            const std::string& by) {
  HoldPeople(/*alone=*/true);
  const pqxx::result pair = tx_.Exec(kLockPair, outlet_, survivor_id, merged_id);
  if (survivor_id == merged_id || pair.size() != 2) {
    KABAR_ASSIGN_OR_RETURN(const Contact one, GetContact(survivor_id));
    KABAR_ASSIGN_OR_RETURN(const Contact other, GetContact(merged_id));
    if (one.id == other.id) {
      return Precondition("SAME_CONTACT", "both ids name one contact already; nothing to merge");
    }
    return MergeContacts(one.id, other.id, reason, by);
  }
  Party survivor = PartyOf(pair[0]), merged = PartyOf(pair[1]);
  if (survivor.contact.id != survivor_id) std::swap(survivor, merged);
  // A shell may become part of a contact, and by the provider's word of another shell; a contact
  // that disappeared into one would be lost.
  if (survivor.deleted && !(merged.deleted && by.empty())) {
    return Precondition("CONTACT_DELETED",
                        "the contact that is to remain is deleted; name the other as survivor");
  }
  const Contact after = Merged(survivor.contact, merged.contact);
  for (const pg::Query& query : kToSurvivor) tx_.Exec(query, outlet_, survivor_id, merged_id);
  std::vector<std::string> followers;
  for (const pqxx::row& row : tx_.Exec(kFollowers, outlet_, survivor_id, merged_id)) {
    followers.push_back(pg::TextField(row[0]));
  }
  const absl::Time now = pg::TimeField(tx_.ExecOne(kClock)[0]);
  tx_.Exec(kMergeAway, outlet_, survivor_id, merged_id, now);
  tx_.Exec(kForgetShared, outlet_, survivor_id, merged_id);
  if (!survivor.deleted) {
    KABAR_RETURN_IF_ERROR(WriteContact(survivor_id, after).status());
    tx_.Exec(kSetInbound, outlet_, survivor_id, after.last_inbound_at);
  }
  RepairIdentities(survivor_id);
  for (std::size_t i = 0; i < std::size(kAllPurposes); ++i) {
    const bool out = survivor.opted_out[i] || merged.opted_out[i];
    const Consent strict{survivor_id, kAllPurposes[i], out, "merge", now};
    // A row of its own for what the other said: it goes when this merge is undone.
    SettleConsent(strict, merged.opted_out[i]);
    if (out) AddConsentEvents(strict);
  }
  const std::string id = base::NewId("mrg");
  tx_.Exec(kInsert, outlet_, id, survivor_id, merged_id, reason, by, ToJson(survivor.contact),
           ToJson(after), ToJson(merged.contact), pg::TextArray(followers), now);
  return MergeOf(tx_.ExecOne(kGet, outlet_, id));
}

absl::StatusOr<Merge> PgUnit::UndoMerge(const std::string& merge_id, const std::string& by) {
  HoldPeople(/*alone=*/true);
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kLockMerge, outlet_, merge_id);
  if (!row) {
    return base::Error(absl::StatusCode::kNotFound, "MERGE_NOT_FOUND",
                       "this outlet has no such merge; list the contact's merges");
  }
  const Merge merge = MergeOf(*row);
  if (merge.undone_at) {
    return Precondition("MERGE_UNDONE", "this merge was undone before; the two are two again");
  }
  const pqxx::result survivor = tx_.Exec(kLockPair, outlet_, merge.survivor_id, merge.survivor_id);
  if (survivor.empty()) {
    return Precondition(
        "MERGE_COVERED",
        "the survivor was merged into another contact since; undo that merge first");
  }
  std::vector<std::string> froms = merge.followers;
  froms.push_back(merge.merged_id);
  for (const pg::Query& query : kBack) {
    tx_.Exec(query, outlet_, merge.survivor_id, merge.merged_id, pg::TextArray(froms));
  }
  tx_.Exec(kFollowBack, outlet_, merge.merged_id, pg::TextArray(merge.followers));
  tx_.Exec(kStandAlone, outlet_, merge.merged_id, merge.time);
  const Party party = PartyOf(survivor[0]);
  const absl::Time now = pg::TimeField(tx_.ExecOne(kClock)[0]);
  if (!party.deleted) {
    const Contact left = Unmerged(party.contact, merge.survivor_before, merge.survivor_after);
    KABAR_RETURN_IF_ERROR(WriteContact(merge.survivor_id, left).status());
    tx_.Exec(kSetInbound, outlet_, merge.survivor_id, left.last_inbound_at);
  }
  RepairIdentities(merge.survivor_id);
  RepairIdentities(merge.merged_id);
  // First: what is said of one of them below must not hold for the other.
  KABAR_RETURN_IF_ERROR(AddPartedEvent(merge.survivor_id, merge.merged_id, now));
  std::vector<Consent> out;
  for (const std::string& id : {merge.survivor_id, merge.merged_id}) {
    for (std::size_t i = 0; i < std::size(kAllPurposes); ++i) {
      const auto own = tx_.ExecMaybe(kOwnConsent, outlet_, id,
                                     std::string(PurposeName(kAllPurposes[i])), merge.time);
      const Consent state{id, kAllPurposes[i], own && (*own)[0].as<bool>(), "unmerge", now};
      SettleConsent(state);
      if (state.opted_out) {
        out.push_back(state);
      } else if (party.opted_out[i]) {
        AddConsentEvents(state);
      }
    }
  }
  // Last: whoever reads them as one person all the same (the provider may have said so since) ends
  // with the opt-out.
  for (const Consent& consent : out) AddConsentEvents(consent);
  tx_.Exec(kUndone, outlet_, merge_id, by);
  return MergeOf(tx_.ExecOne(kGet, outlet_, merge_id));
}

absl::Status PgUnit::AddPartedEvent(const std::string& one, const std::string& other,
                                    absl::Time now) {
  events::v1::Event* event = events_->add_events();
  event->set_outlet_id(outlet_);
  event->mutable_time()->set_seconds(absl::ToUnixSeconds(now));
  events::v1::ContactsParted* parted = event->mutable_contacts_parted();
  KABAR_ASSIGN_OR_RETURN(const std::vector<Identity> of_one, ListIdentities(one));
  KABAR_ASSIGN_OR_RETURN(const std::vector<Identity> of_other, ListIdentities(other));
  for (const Identity& identity : of_one) {
    if (identity.kind == IdentityKind::kPhone) parted->add_phones(identity.value);
    if (identity.kind == IdentityKind::kBsuid) parted->add_bsuids(identity.value);
  }
  for (const Identity& identity : of_other) {
    if (identity.kind == IdentityKind::kPhone) parted->add_other_phones(identity.value);
    if (identity.kind == IdentityKind::kBsuid) parted->add_other_bsuids(identity.value);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Merge>> PgUnit::ListMerges(const std::string& contact_id, int64_t before,
                                                      int limit) {
  std::vector<Merge> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, contact_id, before, limit)) {
    out.push_back(MergeOf(row));
  }
  return out;
}

}  // namespace kabar::contacts
