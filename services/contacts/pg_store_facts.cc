// Facts about contacts, and which of them keep marketing away.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// The newest word counts, also about whose it is. Of one moment the closing word does: whoever
// repeats what he said in that second must not open it again. By whose alias it came stays known
// when it is told of the survivor: it goes back with its owner.
constexpr pg::Query kRecord{
    "contacts.record_fact",
    "INSERT INTO facts AS f (outlet_id, kind, source, reference, contact_id, open, amount, at, "
    "merged_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT (outlet_id, kind, source, reference) DO UPDATE SET "
    "contact_id = excluded.contact_id, open = excluded.open, amount = excluded.amount, "
    "at = excluded.at, merged_from = CASE WHEN excluded.merged_from = '' "
    "AND f.contact_id = excluded.contact_id THEN f.merged_from ELSE excluded.merged_from END "
    "WHERE f.at < excluded.at OR (f.at = excluded.at AND (f.open OR NOT excluded.open))"};
#define KABAR_FACT_COLUMNS "contact_id, kind, source, reference, open, amount, at"
constexpr pg::Query kGet{"contacts.get_fact",
                         "SELECT " KABAR_FACT_COLUMNS
                         " FROM facts WHERE outlet_id = $1 AND kind = $2 AND source = $3 "
                         "AND reference = $4"};
constexpr pg::Query kList{
    "contacts.list_facts",
    "SELECT " KABAR_FACT_COLUMNS
    " FROM facts WHERE outlet_id = $1 AND contact_id = $2 AND ($3 = '' OR (kind, source, "
    "reference) "
    "> ($3::text COLLATE \"C\", $4::text COLLATE \"C\", $5::text COLLATE \"C\")) "
    "ORDER BY kind, source, reference LIMIT $6"};
// Told of one who was merged, and went with his survivor, but for the fact.
constexpr pg::Query kBearer{"contacts.bearer_of_fact",
                            "SELECT contact_id FROM facts WHERE outlet_id = $1 AND kind = $2 "
                            "AND source = $3 AND reference = $4 AND merged_from = $5"};
constexpr pg::Query kDropShell{
    "contacts.drop_shell",
    "DELETE FROM contacts c WHERE c.outlet_id = $1 AND c.id = $2 AND c.deleted_at IS NOT NULL "
    "AND NOT (c.delivery_updates_opted_out OR c.marketing_opted_out) AND NOT EXISTS (SELECT 1 "
    "FROM facts f WHERE f.outlet_id = $1 AND f.contact_id = $2 AND f.open AND f.kind <> 'ORDER')"};
constexpr pg::Query kSwitchedOff{
    "contacts.suppressions_switched_off",
    "SELECT switched_off FROM marketing_suppressions WHERE outlet_id = $1"};
constexpr pg::Query kSwitchOff{
    "contacts.switch_suppressions_off",
    "INSERT INTO marketing_suppressions (outlet_id, switched_off) VALUES ($1, $2::text[]) "
    "ON CONFLICT (outlet_id) DO UPDATE SET switched_off = excluded.switched_off"};

absl::StatusOr<Fact> FactOf(const pqxx::row& row) {
  Fact fact;
  fact.contact_id = pg::TextField(row[0]);
  KABAR_ASSIGN_OR_RETURN(fact.kind, FactKindOf(pg::TextField(row[1])));
  fact.source = pg::TextField(row[2]);
  fact.reference = pg::TextField(row[3]);
  fact.open = row[4].as<bool>();
  fact.amount = row[5].as<int64_t>();
  fact.time = pg::TimeField(row[6]);
  return fact;
}

}  // namespace

absl::StatusOr<std::string> PgUnit::LockBearer(const Fact& fact) {
  absl::StatusOr<std::string> person = LockPerson(fact.contact_id);
  if (!absl::IsNotFound(person.status())) return person;
  const std::optional<pqxx::row> bearer =
      tx_.ExecMaybe(kBearer, outlet_, std::string(FactKindName(fact.kind)), fact.source,
                    fact.reference, fact.contact_id);
  return bearer ? LockPerson(pg::TextField((*bearer)[0])) : person;
}

absl::StatusOr<Fact> PgUnit::RecordFact(const Fact& fact) {
  // Held: who is merged, parted or erased at this moment takes his facts along. Shells too: the
  // closing word may come after the contact was deleted, who then has no reason to stay.
  const bool may_end_shell = !fact.open && fact.kind != FactKind::kOrder;
  HoldPeople(/*alone=*/may_end_shell);
  KABAR_ASSIGN_OR_RETURN(const std::string contact_id, LockBearer(fact));
  const std::string kind(FactKindName(fact.kind));
  const std::string merged_from = contact_id == fact.contact_id ? "" : fact.contact_id;
  tx_.Exec(kRecord, outlet_, kind, fact.source, fact.reference, contact_id, fact.open, fact.amount,
           fact.time, merged_from);
  absl::StatusOr<Fact> kept = FactOf(tx_.ExecOne(kGet, outlet_, kind, fact.source, fact.reference));
  if (may_end_shell) tx_.Exec(kDropShell, outlet_, contact_id);
  return kept;
}

absl::StatusOr<std::optional<Fact>> PgUnit::FindFact(const Fact& fact) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(
      kGet, outlet_, std::string(FactKindName(fact.kind)), fact.source, fact.reference);
  if (!row) return std::optional<Fact>();
  KABAR_ASSIGN_OR_RETURN(Fact found, FactOf(*row));
  return std::optional<Fact>(std::move(found));
}

absl::StatusOr<std::vector<Fact>> PgUnit::ListFacts(const std::string& contact_id,
                                                    const std::optional<Fact>& after, int limit) {
  KABAR_ASSIGN_OR_RETURN(const Contact contact, GetContact(contact_id));
  const std::string kind = after ? std::string(FactKindName(after->kind)) : "";
  const Fact place = after.value_or(Fact());
  std::vector<Fact> out;
  for (const pqxx::row& row :
       tx_.Exec(kList, outlet_, contact.id, kind, place.source, place.reference, limit)) {
    KABAR_ASSIGN_OR_RETURN(out.emplace_back(), FactOf(row));
  }
  return out;
}

absl::StatusOr<MarketingSuppressions> PgUnit::GetMarketingSuppressions() {
  MarketingSuppressions out;
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kSwitchedOff, outlet_);
  if (!row) return out;
  for (const std::string& name : pg::TextArrayField((*row)[0])) {
    KABAR_ASSIGN_OR_RETURN(out.switched_off.emplace_back(), FactKindOf(name));
  }
  return out;
}

absl::StatusOr<std::string> PgUnit::SuppressionSql(Purpose purpose,
                                                   filter_lang::SqlParams& params) {
  if (purpose != Purpose::kMarketing) return std::string("''::text");
  KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions suppressions, GetMarketingSuppressions());
  std::vector<std::string> kinds, reasons;
  for (const FactKind kind : suppressions.on()) {
    kinds.emplace_back(FactKindName(kind));
    reasons.emplace_back(SuppressionReason(kind));
  }
  if (kinds.empty()) return std::string("''::text");
  const std::string which = params.Add(pg::TextArray(kinds), "text[]");
  const std::string place = absl::StrCat("array_position(", which, ", f.kind)");
  return absl::StrCat("coalesce((SELECT (", params.Add(pg::TextArray(reasons), "text[]"), ")[",
                      place,
                      "] FROM facts f WHERE f.outlet_id = $1 AND f.contact_id = c.id "
                      "AND f.open AND f.kind = ANY(",
                      which, ") ORDER BY ", place, " LIMIT 1), '')");
}

absl::Status PgUnit::SetMarketingSuppressions(const MarketingSuppressions& wanted) {
  std::vector<std::string> names;
  for (const FactKind kind : wanted.switched_off) names.emplace_back(FactKindName(kind));
  tx_.Exec(kSwitchOff, outlet_, pg::TextArray(names));
  return absl::OkStatus();
}

}  // namespace kabar::contacts
