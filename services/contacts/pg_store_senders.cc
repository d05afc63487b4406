// Who writes: a sender as the provider names him, and the contact that he is.
#include "libs/base/status.h"
#include "services/contacts/pg_store_rows.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kSketch{"contacts.sketch",
                            "SELECT phone, bsuid, deleted_at IS NOT NULL FROM contacts "
                            "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kShared{"contacts.note_shared",
                            "INSERT INTO shared_identities (outlet_id, first_id, second_id) "
                            "VALUES ($1, least($2::text COLLATE \"C\", $3::text), "
                            "greatest($2::text COLLATE \"C\", $3::text)) ON CONFLICT DO NOTHING"};
constexpr pg::Query kParted{"contacts.pair_was_parted",
                            "SELECT EXISTS (SELECT 1 FROM contact_merges WHERE outlet_id = $1 "
                            "AND undone_at IS NOT NULL AND ((survivor_id = $2 AND merged_id = $3) "
                            "OR (survivor_id = $3 AND merged_id = $2)))"};
constexpr pg::Query kTake{"contacts.take_identity",
                          "UPDATE contact_identities SET contact_id = $4, merged_from = $5, "
                          "former_since = NULL WHERE outlet_id = $1 AND kind = $2 AND value = $3"};
constexpr pg::Query kOnlyUsername{
    "contacts.only_username",
    "WITH gone AS (DELETE FROM contact_identities WHERE outlet_id = $1 AND contact_id = $2 "
    "AND kind = 'username' AND value <> $3) "
    "UPDATE contacts SET username = $3 WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kFormer{
    "contacts.former_identities",
    "UPDATE contact_identities SET former_since = $5 WHERE outlet_id = $1 AND contact_id = $2 "
    "AND former_since IS NULL AND ((kind = 'phone' AND value = $3) OR (kind = 'bsuid' AND value "
    "<> $4))"};
constexpr pg::Query kSetAddresses{
    "contacts.set_addresses",
    "UPDATE contacts SET phone = CASE WHEN $3 = '' THEN phone ELSE $3 END, bsuid = $4, "
    "updated_at = now() WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kTouch{"contacts.touch_inbound",
                           "UPDATE contacts SET last_inbound_at = greatest(last_inbound_at, $4) "
                           "WHERE outlet_id = $1 AND id IN ($2, $3)"};

struct Sketch {
  std::string phone;
  std::string bsuid;
  bool deleted = false;
};

Sketch SketchOf(pg::Transaction& tx, const std::string& outlet, const std::string& id) {
  const pqxx::row row = tx.ExecOne(kSketch, outlet, id);
  return {pg::TextField(row[0]), pg::TextField(row[1]), row[2].as<bool>()};
}

}  // namespace

// A person said that they are two: what a webhook suggests is not surer than that.
bool PgUnit::WereParted(const std::string& one, const std::string& other) {
  return tx_.ExecOne(kParted, outlet_, one, other)[0].as<bool>();
}

void PgUnit::NoteShared(const std::string& one, const std::string& other) {
  tx_.Exec(kShared, outlet_, one, other);
}

// The provider says that phone and BSUID are one person's. Sure only while neither contact has
// another address of the kind that the other one brings: else a number that got a new owner would
// give its contact away.
absl::Status PgUnit::Unite(const Contact& sender, const std::string& written_to) {
  std::optional<Owner> one = OwnerOf(IdentityKind::kPhone, sender.phone);
  const std::optional<Owner> other = OwnerOf(IdentityKind::kBsuid, sender.bsuid);
  if (one && one->former && !(other && other->contact_id == one->contact_id)) {
    Release(IdentityKind::kPhone, sender.phone, one->contact_id);
    return absl::OkStatus();
  }
  if (!one && !written_to.empty() && sender.phone.empty()) {
    if (const auto known = GetContact(written_to); known.ok()) one = Owner{.contact_id = known->id};
  }
  if (!one || !other || one->contact_id == other->contact_id) return absl::OkStatus();
  const Sketch a = SketchOf(tx_, outlet_, one->contact_id);
  const Sketch b = SketchOf(tx_, outlet_, other->contact_id);
  if (!a.bsuid.empty() || !b.phone.empty() || WereParted(one->contact_id, other->contact_id)) {
    // By our message alone the ledger may mean one who had the number before: nothing to note.
    if (!sender.phone.empty()) NoteShared(one->contact_id, other->contact_id);
    return absl::OkStatus();
  }
  const bool phone_stays = !a.deleted || b.deleted;
  return MergeContacts(phone_stays ? one->contact_id : other->contact_id,
                       phone_stays ? other->contact_id : one->contact_id, "inbound", "")
      .status();
}

absl::StatusOr<Recognized> PgUnit::RecognizeSender(const Contact& sender,
                                                   const std::string& written_to) {
  HoldPeople(/*alone=*/true);
  KABAR_RETURN_IF_ERROR(Unite(sender, written_to));
  Contact wanted = sender;
  wanted.username.clear();
  Recognized out;
  const bool hidden = sender.phone.empty() && !OwnerOf(IdentityKind::kBsuid, sender.bsuid);
  const absl::StatusOr<Contact> known =
      hidden && !written_to.empty() ? GetContact(written_to) : absl::StatusOr<Contact>(Contact());
  if (known.ok() && !known->id.empty() && known->bsuid.empty()) {
    KABAR_ASSIGN_OR_RETURN(out.contact, Adopt({.contact_id = known->id}, wanted));
  } else {
    KABAR_ASSIGN_OR_RETURN(out.contact, FindOrInsertContact(wanted));
  }
  if (!sender.username.empty()) {
    KABAR_RETURN_IF_ERROR(TakeUsername(sender.username, out.contact.id));
    KABAR_ASSIGN_OR_RETURN(out.contact, GetContact(out.contact.id));
  }
  // Somebody may merge or part them at this moment: held, they stay as they are.
  KABAR_ASSIGN_OR_RETURN(out.contact, LockContact(out.contact.id));
  // Named by one of his own aliases he is himself.
  bool known_by = false, own = false;
  for (const IdentityKind kind : {IdentityKind::kPhone, IdentityKind::kBsuid}) {
    const std::optional<Owner> owner = OwnerOf(kind, IdentityOf(sender, kind));
    if (!owner || owner->contact_id != out.contact.id) continue;
    known_by = true;
    own = own || owner->merged_from.empty();
    out.merged_from = owner->merged_from;
  }
  if (!known_by) {
    return base::Error(absl::StatusCode::kAborted, "CONTACT_CHANGED",
                       "the sender's contact was merged or parted at this moment; apply it again");
  }
  if (own) out.merged_from.clear();
  return out;
}

// Usernames change hands: whoever the provider names has it now. A contact of nothing but this
// username can be no one else.
absl::Status PgUnit::TakeUsername(const std::string& username, const std::string& contact_id) {
  const std::optional<Owner> owner = OwnerOf(IdentityKind::kUsername, username);
  if (!owner) {
    Claim(IdentityKind::kUsername, username, contact_id);
  } else if (owner->contact_id != contact_id) {
    const Sketch other = SketchOf(tx_, outlet_, owner->contact_id);
    if (other.phone.empty() && other.bsuid.empty() && !WereParted(contact_id, owner->contact_id)) {
      KABAR_RETURN_IF_ERROR(MergeContacts(contact_id, owner->contact_id, "username", "").status());
    } else {
      tx_.Exec(kTake, outlet_, "username", username, contact_id, "");
      RepairIdentities(owner->contact_id);
    }
  }
  tx_.Exec(kOnlyUsername, outlet_, contact_id, username);
  return absl::OkStatus();
}

absl::StatusOr<Recognized> PgUnit::ChangeNumber(const Contact& before, const Contact& after,
                                                absl::Time at) {
  HoldPeople(/*alone=*/true);
  std::optional<Owner> owner = OwnerOf(IdentityKind::kPhone, before.phone);
  if (!owner || owner->former) {
    if (const auto by_bsuid = OwnerOf(IdentityKind::kBsuid, before.bsuid)) owner = by_bsuid;
  }
  if (!owner || owner->former) return RecognizeSender(after, "");
  std::string id = owner->contact_id;
  for (const IdentityKind kind : {IdentityKind::kPhone, IdentityKind::kBsuid}) {
    const std::string& value = IdentityOf(after, kind);
    if (value.empty()) continue;
    const std::optional<Owner> now = OwnerOf(kind, value);
    if (!now) Claim(kind, value, id);
    if (now && now->contact_id != id) {
      // Known by the new address already. One with another address beside it is somebody else, who
      // has had the number until now.
      const Sketch other = SketchOf(tx_, outlet_, now->contact_id);
      const bool his =
          (kind == IdentityKind::kPhone ? other.bsuid.empty() || other.bsuid == after.bsuid
                                        : other.phone.empty() || other.phone == after.phone) &&
          !WereParted(id, now->contact_id);
      if (his) {
        // Of a deleted contact only the shell is left: it is part of the other, not the reverse.
        std::string merged = now->contact_id;
        if (owner->deleted && !other.deleted) {
          std::swap(id, merged);
          owner->deleted = false;
        }
        KABAR_RETURN_IF_ERROR(MergeContacts(id, merged, "number_changed", "").status());
        continue;
      }
      tx_.Exec(kTake, outlet_, IdentityKindName(kind), value, id, owner->merged_from);
      RepairIdentities(now->contact_id);
      continue;
    }
    tx_.Exec(kTake, outlet_, IdentityKindName(kind), value, id, owner->merged_from);
  }
  // A new number has a new BSUID, whether we were told it or not.
  tx_.Exec(kFormer, outlet_, id, after.phone.empty() ? "" : before.phone, after.bsuid, at);
  tx_.Exec(kSetAddresses, outlet_, id, after.phone, after.bsuid);
  RepeatOptOuts(id);
  RecallOptOuts({id});
  Recognized out{.contact = {}, .merged_from = owner->merged_from};
  if (!owner->deleted) {
    KABAR_ASSIGN_OR_RETURN(out.contact, GetContact(id));
  }
  return out;
}

absl::Status PgUnit::TouchInbound(const Recognized& sender, absl::Time at) {
  tx_.Exec(kTouch, outlet_, sender.contact.id, sender.merged_from, at);
  return absl::OkStatus();
}

}  // namespace kabar::contacts
