// Segments.
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_fields.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kInsert{"contacts.insert_segment",
                            "INSERT INTO segments (outlet_id, id, name, filter, created_at) "
                            "VALUES ($1, $2, $3, $4, $5)"};
constexpr pg::Query kGet{"contacts.get_segment",
                         "SELECT id, name, filter, created_at FROM segments "
                         "WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kFind{"contacts.find_segments",
                          "SELECT id, name, filter, created_at FROM segments "
                          "WHERE outlet_id = $1 AND (id = $2 OR lower(name) = lower($2)) "
                          "ORDER BY id <> $2, id LIMIT 2"};
constexpr pg::Query kLock{
    "contacts.lock_segments",
    "SELECT pg_advisory_xact_lock(hashtextextended('contacts.segments/' || $1, 0))"};
constexpr pg::Query kWithCalls{"contacts.segments_with_calls",
                               "SELECT id, name, filter, created_at FROM segments "
                               "WHERE outlet_id = $1 AND filter LIKE '%(%' ORDER BY id"};
constexpr pg::Query kReplace{
    "contacts.replace_segment",
    "UPDATE segments SET name = $3, filter = $4 WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kDelete{"contacts.delete_segment",
                            "DELETE FROM segments WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kList{"contacts.list_segments",
                          "SELECT id, name, filter, created_at FROM segments "
                          "WHERE outlet_id = $1 AND id > $2 ORDER BY id LIMIT $3"};

Segment SegmentOf(const pqxx::row& row) {
  return {pg::TextField(row[0]), pg::TextField(row[1]), pg::TextField(row[2]),
          pg::TimeField(row[3])};
}

absl::Status SegmentNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "SEGMENT_NOT_FOUND",
                     "this outlet has no such segment; list its segments to see which there are");
}

}  // namespace

absl::Status PgUnit::InsertSegment(const Segment& segment) {
  tx_.Exec(kInsert, outlet_, segment.id, segment.name, segment.filter, segment.created_at);
  return absl::OkStatus();
}

absl::StatusOr<Segment> PgUnit::GetSegment(const std::string& id) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kGet, outlet_, id);
  if (!row) return SegmentNotFound();
  return SegmentOf(*row);
}

absl::Status PgUnit::ReplaceSegment(const Segment& segment) {
  const pqxx::result replaced =
      tx_.Exec(kReplace, outlet_, segment.id, segment.name, segment.filter);
  return replaced.affected_rows() == 1 ? absl::OkStatus() : SegmentNotFound();
}

absl::Status PgUnit::DeleteSegment(const std::string& id) {
  return tx_.Exec(kDelete, outlet_, id).affected_rows() == 1 ? absl::OkStatus() : SegmentNotFound();
}

absl::StatusOr<std::vector<Segment>> PgUnit::ListSegments(const std::string& after_id, int limit) {
  std::vector<Segment> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, after_id, limit)) {
    out.push_back(SegmentOf(row));
  }
  return out;
}

absl::StatusOr<std::vector<Segment>> PgUnit::FindSegments(const std::string& name_or_id) {
  std::vector<Segment> out;
  for (const pqxx::row& row : tx_.Exec(kFind, outlet_, name_or_id)) out.push_back(SegmentOf(row));
  return out;
}

void PgUnit::LockSegments() { tx_.Exec(kLock, outlet_); }

absl::StatusOr<std::vector<Segment>> PgUnit::ListSegmentsWithCalls() {
  std::vector<Segment> out;
  for (const pqxx::row& row : tx_.Exec(kWithCalls, outlet_)) out.push_back(SegmentOf(row));
  return out;
}

absl::StatusOr<SegmentSize> PgUnit::CountSegment(const SegmentFilter& filter, bool contacts_only) {
  if (contacts_only && filter.parts()) return CountContacts(filter);
  filter_lang::SqlParams params(2);
  KABAR_ASSIGN_OR_RETURN(const std::string condition, FilterSql(filter, params));
  const pqxx::result rows = ExecFiltered(
      "contacts.count_segment",
      absl::StrCat(contacts_only
                       ? "SELECT count(*), 0, 0 FROM (SELECT c.id "
                       : "SELECT count(*), coalesce(sum(shipments), 0)::bigint, "
                         "count(*) FILTER (WHERE shipments > 0) FROM (SELECT count(s.id) AS "
                         "shipments ",
                   "FROM contacts c "
                   "LEFT JOIN shipments s ON s.outlet_id = c.outlet_id AND s.contact_id = c.id "
                   "WHERE c.outlet_id = $1 AND c.deleted_at IS NULL AND ",
                   condition, " GROUP BY c.id) AS found"),
      {outlet_}, params);
  return SegmentSize{rows[0][0].as<int64_t>(), rows[0][1].as<int64_t>(), rows[0][2].as<int64_t>()};
}

absl::StatusOr<SegmentSize> PgUnit::CountContacts(const SegmentFilter& filter) {
  filter_lang::SqlParams params(2);
  std::string sql;
  if (filter.names_shipment() && filter.parts()->of_contact.empty()) {
    // A deleted contact has no shipments, so nobody's contact need be looked at.
    KABAR_ASSIGN_OR_RETURN(const std::string condition, ShipmentSql(*filter.parts(), params));
    LookInParallel();
    sql =
        absl::StrCat("SELECT count(*) FROM (SELECT 1 FROM shipments s WHERE s.outlet_id = $1 AND ",
                     condition, " GROUP BY s.contact_id) AS found");
  } else {
    KABAR_ASSIGN_OR_RETURN(const std::string condition, ContactSql(filter, params));
    sql = absl::StrCat(
        "SELECT count(*) FROM contacts c WHERE c.outlet_id = $1 AND c.deleted_at IS NULL AND ",
        condition);
  }
  const pqxx::result rows = ExecFiltered("contacts.count_contacts", sql, {outlet_}, params);
  return SegmentSize{.contacts = rows[0][0].as<int64_t>()};
}

// One pass over the outlet: each clause is asked once of every pair, then counted by contact.
absl::StatusOr<SegmentExplanation> PgUnit::ExplainSegment(const SegmentFilter& filter) {
  SegmentExplanation out;
  const filter_lang::Checked* root = filter.root();
  std::vector<const filter_lang::Checked*> clauses;
  if (root != nullptr) clauses.push_back(root);
  if (filter.clauses().size() > 1) {
    clauses.clear();
    for (const auto& child : root->children) clauses.push_back(child.get());
    out.any_of = root->kind == filter_lang::NodeKind::kOr;
  }
  filter_lang::SqlParams params(2);
  std::string of_contact, of_pair, by_contact, counted, together;
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    KABAR_ASSIGN_OR_RETURN(const std::string condition, ConditionSql(clauses[i], params));
    // What asks nothing of a shipment is asked once of a contact, however many he has.
    if (NamesShipment(clauses[i])) {
      absl::StrAppend(&of_pair, ", ", condition, " AS k", i);
    } else {
      absl::StrAppend(&of_contact, ", ", condition, " AS k", i);
      absl::StrAppend(&of_pair, ", c.k", i);
    }
    absl::StrAppend(&together, i == 0 ? "" : (out.any_of ? " OR " : " AND "), "k", i);
    absl::StrAppend(&by_contact, ", bool_or(k", i, ") AS a", i, ", bool_or(", together, ") AS t",
                    i);
    absl::StrAppend(&counted, ", count(*) FILTER (WHERE a", i, "), count(*) FILTER (WHERE t", i,
                    ")");
  }
  const absl::string_view shipments =
      filter.names_shipment()
          ? " LEFT JOIN shipments s ON s.outlet_id = c.outlet_id AND s.contact_id = c.id"
          : "";
  // OFFSET 0: what was asked is not asked again for every count.
  const pqxx::result rows = ExecFiltered(
      "contacts.explain_segment",
      absl::StrCat(
          "SELECT count(*)", counted, " FROM (SELECT id", by_contact, " FROM (SELECT c.id", of_pair,
          " FROM (SELECT c.*", of_contact,
          " FROM contacts c WHERE c.outlet_id = $1 AND c.deleted_at IS NULL OFFSET 0) AS c",
          shipments, " OFFSET 0) AS pairs GROUP BY id) AS people"),
      {outlet_}, params);
  out.everyone = out.contacts = rows[0][0].as<int64_t>();
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    const auto column = static_cast<pqxx::row::size_type>(1 + 2 * i);
    out.clauses.push_back(
        {filter.clauses()[i], rows[0][column].as<int64_t>(), rows[0][column + 1].as<int64_t>()});
    out.contacts = out.clauses.back().together;
  }
  return out;
}

}  // namespace kabar::contacts
