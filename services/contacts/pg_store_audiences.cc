// Run audiences: written once, read by ordinal.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_fields.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kInsert{"contacts.insert_audience",
                            "INSERT INTO audiences (outlet_id, run_id, subject, temporary) "
                            "VALUES ($1, $2, $3, $4) ON CONFLICT (outlet_id, run_id) DO NOTHING "
                            "RETURNING audience"};
constexpr pg::Query kSetSize{"contacts.set_audience_size",
                             "UPDATE audiences SET size = $2, shipments = $3 WHERE audience = $1"};
constexpr pg::Query kCountParcels{"contacts.count_audience_parcels",
                                  "SELECT coalesce(sum(cardinality(parcels)), 0)::bigint "
                                  "FROM audience_members WHERE audience = $1"};
constexpr pg::Query kFind{"contacts.find_audience",
                          "SELECT audience, size, shipments, temporary FROM audiences "
                          "WHERE outlet_id = $1 AND run_id = $2"};
constexpr pg::Query kMergedInto{"contacts.merged_into",
                                "SELECT k.merged_into, k.id FROM contacts k "
                                "WHERE k.outlet_id = $1 AND k.merged_into = ANY($2::text[]) "
                                "AND k.deleted_at >= (SELECT a.created_at FROM audiences a "
                                "WHERE a.audience = $3::bigint)"};
// Looks through the audience: asked only when two people became one since it was written.
constexpr pg::Query kFirstOrdinals{
    "contacts.first_ordinals",
    "SELECT contact_id, min(ordinal) FROM audience_members WHERE audience = $1::bigint "
    "AND contact_id = ANY($2::text[]) GROUP BY contact_id"};
constexpr pg::Query kDelete{
    "contacts.delete_audience",
    "WITH gone AS (DELETE FROM audiences WHERE outlet_id = $1 AND run_id = $2 AND temporary "
    "RETURNING audience) INSERT INTO audiences_forgotten SELECT audience FROM gone"};

const char* SubjectName(Subject subject) {
  switch (subject) {
    case Subject::kContact:
      return "CONTACT";
    case Subject::kShipment:
      return "SHIPMENT";
    case Subject::kContactParcels:
      return "CONTACT_PARCELS";
  }
  return "";
}

// The pairs that a filter is asked of, as rows of `s` or of `c`. `condition`: of the pair, or of
// the contact alone (ContactSql) where he is the subject and the filter can be taken apart.
std::string MembersSql(Subject subject, const SegmentFilter& filter, const std::string& condition) {
  const std::string shipment_pairs = absl::StrCat(
      " FROM shipments s JOIN contacts c ON c.outlet_id = s.outlet_id AND c.id = s.contact_id "
      "WHERE s.outlet_id = $1 AND c.deleted_at IS NULL AND ",
      condition);
  if (subject == Subject::kShipment) {
    return absl::StrCat(
        "SELECT s.id, c.id AS contact_id, s.tracking_number, NULL::text[] AS parcels",
        shipment_pairs);
  }
  if (subject == Subject::kContactParcels) {
    return absl::StrCat(
        "SELECT min(q.id) AS id, q.contact_id, '' AS tracking_number, "
        "array_agg(q.tracking_number ORDER BY q.tracking_number) AS parcels FROM ("
        "SELECT s.id, c.id AS contact_id, s.tracking_number, "
        "(row_number() OVER (PARTITION BY c.id ORDER BY s.tracking_number) - 1) / ",
        kMaxParcels, " AS part", shipment_pairs, ") AS q GROUP BY q.contact_id, q.part");
  }
  // A filter that asks of both at once can give a contact twice.
  const bool pairs = !filter.parts();
  const absl::string_view shipments =
      pairs ? " LEFT JOIN shipments s ON s.outlet_id = c.outlet_id AND s.contact_id = c.id" : "";
  return absl::StrCat(
      "SELECT c.id, c.id AS contact_id, '' AS tracking_number, "
      "NULL::text[] AS parcels FROM contacts c",
      shipments, " WHERE c.outlet_id = $1 AND c.deleted_at IS NULL AND ", condition,
      pairs ? " GROUP BY c.id" : "");
}

absl::Status RunNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "RUN_NOT_FOUND",
                     "this run has no audience yet; call CreateAudience first");
}

}  // namespace

absl::StatusOr<Audience> PgUnit::CreateAudience(const std::string& run_id, Subject subject,
                                                const SegmentFilter& filter, bool temporary) {
  const std::optional<pqxx::row> added =
      tx_.ExecMaybe(kInsert, outlet_, run_id, SubjectName(subject), temporary);
  if (!added) return GetAudience(run_id);
  const int64_t id = (*added)[0].as<int64_t>();
  filter_lang::SqlParams params(3);
  const bool contacts_alone = subject == Subject::kContact && filter.parts();
  KABAR_ASSIGN_OR_RETURN(const std::string condition,
                         contacts_alone ? ContactSql(filter, params) : FilterSql(filter, params));
  // By a hash: ids follow the file, where the parcels of one customer often stand together; spread
  // over the run his messages do not wait for each other's pair limit.
  const pqxx::result members = ExecFiltered(
      "contacts.insert_audience_members",
      absl::StrCat(
          "INSERT INTO audience_members (audience, ordinal, contact_id, tracking_number, "
          "parcels) "
          "SELECT $2::bigint, row_number() OVER (ORDER BY hashtextextended(p.id, 0), p.id), "
          "p.contact_id, "
          "p.tracking_number, p.parcels FROM (",
          MembersSql(subject, filter, condition), ") AS p"),
      {outlet_, id}, params);
  Audience audience{.size = static_cast<int64_t>(members.affected_rows()), .temporary = temporary};
  if (subject == Subject::kShipment) audience.shipments = audience.size;
  if (subject == Subject::kContactParcels) {
    audience.shipments = tx_.ExecOne(kCountParcels, id)[0].as<int64_t>();
  }
  tx_.Exec(kSetSize, id, audience.size, audience.shipments);
  return audience;
}

absl::StatusOr<Audience> PgUnit::GetAudience(const std::string& run_id) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kFind, outlet_, run_id);
  if (!row) return RunNotFound();
  return Audience{.size = (*row)[1].as<int64_t>(),
                  .shipments = (*row)[2].as<int64_t>(),
                  .temporary = (*row)[3].as<bool>()};
}

absl::Status PgUnit::DeleteAudience(const std::string& run_id) {
  if (tx_.Exec(kDelete, outlet_, run_id).affected_rows() > 0) return absl::OkStatus();
  if (!tx_.ExecMaybe(kFind, outlet_, run_id)) return absl::OkStatus();
  return base::Error(absl::StatusCode::kFailedPrecondition, "AUDIENCE_OF_A_RUN",
                     "this audience is a run's; only a temporary one can be deleted");
}

absl::StatusOr<std::vector<AudienceMember>> PgUnit::ListAudience(const AudienceQuery& query) {
  const std::optional<pqxx::row> found = tx_.ExecMaybe(kFind, outlet_, query.run_id);
  if (!found) return RunNotFound();
  filter_lang::SqlParams params(5);
  std::string values;
  for (const std::string& field : query.fields) {
    absl::StrAppend(&values, ", ", ValueSql(field, "$3::text", params));
  }
  KABAR_ASSIGN_OR_RETURN(const std::string suppression, SuppressionSql(query.purpose, params));
  // Ordinals have no gaps, so a page is a range of the key: without LIMIT the planner cannot think
  // of sorting the whole audience. Then one look-up a row, whatever the tables' statistics say of
  // their sizes: LIMIT 1 inside LATERAL leaves no other way, and keeps the unique index for the
  // shipment.
  const bool named = !query.ordinals.empty();
  const std::string sql = absl::StrCat(
      "SELECT m.ordinal, m.contact_id, m.tracking_number, coalesce(c.phone, ''), "
      "coalesce(c.bsuid, ''), coalesce(c.",
      query.purpose == Purpose::kMarketing ? "marketing" : "delivery_updates",
      "_opted_out, false), c.id IS NULL OR (m.tracking_number <> '' AND s.id IS NULL), "
      "$3::text IS NULL, s.updated_at, m.parcels IS NOT NULL, coalesce(c.id, ''), ",
      suppression, values,
      // Who was merged into another since is looked up as that one; all others cost one look.
      " FROM audience_members m LEFT JOIN LATERAL (SELECT * FROM contacts k "
      "WHERE k.outlet_id = $1 AND k.id = m.contact_id AND k.deleted_at IS NULL "
      "UNION ALL SELECT v.* FROM contacts k JOIN contacts v ON v.outlet_id = k.outlet_id "
      "AND v.id = k.merged_into WHERE k.outlet_id = $1 AND k.id = m.contact_id "
      "AND v.deleted_at IS NULL LIMIT 1) AS c ON true "
      "LEFT JOIN LATERAL (SELECT * FROM (SELECT * FROM shipments h WHERE h.outlet_id = $1 "
      "AND h.tracking_number = m.tracking_number LIMIT 1) AS one "
      "WHERE one.contact_id = c.id) AS s ON true WHERE m.audience = $2::bigint AND ",
      named ? "m.ordinal = ANY($4::bigint[])"
            : absl::StrCat("m.ordinal > $4::bigint AND m.ordinal <= $4::bigint + ", query.limit),
      " ORDER BY m.ordinal");
  const pg::Param which =
      named ? pg::Param(pg::BigintArray(query.ordinals)) : pg::Param(query.after_ordinal);
  const pqxx::result rows = ExecFiltered(
      "contacts.list_audience", sql, {outlet_, (*found)[0].as<int64_t>(), zone_, which}, params);
  constexpr pqxx::row::size_type kFirstValue = 12;
  std::map<std::string, std::vector<std::size_t>> whole;  // about no parcel, by who they are now
  std::vector<AudienceMember> out;
  out.reserve(rows.size());
  bool with_parcels = false;
  for (const pqxx::row& row : rows) {
    AudienceMember member;
    member.ordinal = row[0].as<int64_t>();
    member.contact_id = pg::TextField(row[1]);
    member.subject = pg::TextField(row[2]);
    member.phone = pg::TextField(row[3]);
    member.bsuid = pg::TextField(row[4]);
    member.opted_out = row[5].as<bool>();
    member.gone = row[6].as<bool>();
    member.data_time = pg::OptTimeField(row[8]);
    with_parcels |= row[9].as<bool>();
    if (!row[9].as<bool>() && member.subject.empty() && !member.gone) {
      whole[pg::TextField(row[10])].push_back(out.size());
    }
    member.suppression = pg::TextField(row[11]);
    for (pqxx::row::size_type i = kFirstValue; i < row.size(); ++i) {
      member.values.push_back(pg::TextField(row[i]));
    }
    out.push_back(std::move(member));
  }
  if (with_parcels) AddParcels(query, (*found)[0].as<int64_t>(), out);
  DropMergedSince((*found)[0].as<int64_t>(), whole, out);
  return out;
}

// Two of the audience who became one since get one message: that of the first of them.
void PgUnit::DropMergedSince(int64_t audience,
                             const std::map<std::string, std::vector<std::size_t>>& whole,
                             std::vector<AudienceMember>& members) {
  pg::ArrayBuilder roots;
  for (const auto& [root, places] : whole) roots.Add(root);
  std::map<std::string, std::string> root_of;
  for (const pqxx::row& row : tx_.Exec(kMergedInto, outlet_, std::move(roots).Finish(), audience)) {
    root_of[pg::TextField(row[0])] = pg::TextField(row[0]);
    root_of[pg::TextField(row[1])] = pg::TextField(row[0]);
  }
  if (root_of.empty()) return;
  pg::ArrayBuilder ids;
  for (const auto& [id, root] : root_of) ids.Add(id);
  std::map<std::string, int64_t> first;
  for (const pqxx::row& row : tx_.Exec(kFirstOrdinals, audience, std::move(ids).Finish())) {
    const std::string& root = root_of.at(pg::TextField(row[0]));
    const int64_t ordinal = row[1].as<int64_t>();
    const auto [place, added] = first.emplace(root, ordinal);
    if (!added) place->second = std::min(place->second, ordinal);
  }
  for (const auto& [root, ordinal] : first) {
    for (const std::size_t i : whole.at(root)) members[i].gone |= members[i].ordinal > ordinal;
  }
}

// Each by a look-up of its own, as above. A shipment that has gone, or gone to another contact, is
// left out; who has none left is gone.
void PgUnit::AddParcels(const AudienceQuery& query, int64_t audience,
                        std::vector<AudienceMember>& members) {
  filter_lang::SqlParams params(5);
  std::string values;
  for (const std::string& field : query.parcel_fields) {
    absl::StrAppend(&values, ", ", ValueSql(field, "$3::text", params));
  }
  std::map<int64_t, AudienceMember*> by_ordinal;
  std::vector<int64_t> ordinals;
  for (AudienceMember& member : members) {
    by_ordinal[member.ordinal] = &member;
    ordinals.push_back(member.ordinal);
  }
  const std::string sql = absl::StrCat(
      "SELECT m.ordinal, s.tracking_number, s.updated_at, $3::text IS NULL", values,
      " FROM audience_members m CROSS JOIN LATERAL unnest(m.parcels) WITH ORDINALITY AS p(number, "
      "n)"
      " CROSS JOIN LATERAL (SELECT * FROM (SELECT * FROM shipments h WHERE h.outlet_id = $1 "
      "AND h.tracking_number = p.number LIMIT 1) AS one WHERE one.contact_id = m.contact_id "
      "OR one.contact_id = (SELECT k.merged_into FROM contacts k WHERE k.outlet_id = $1 "
      "AND k.id = m.contact_id)) AS s "
      "WHERE m.audience = $2::bigint AND m.ordinal = ANY($4::bigint[]) ORDER BY m.ordinal, p.n");
  const pqxx::result rows =
      ExecFiltered("contacts.list_audience_parcels", sql,
                   {outlet_, audience, zone_, pg::BigintArray(ordinals)}, params);
  constexpr pqxx::row::size_type kFirstValue = 4;
  for (const pqxx::row& row : rows) {
    AudienceMember& member = *by_ordinal[row[0].as<int64_t>()];
    const absl::Time updated = pg::TimeField(row[2]);
    member.data_time = std::min(member.data_time.value_or(updated), updated);
    AudienceParcel& parcel = member.parcels.emplace_back();
    parcel.tracking_number = pg::TextField(row[1]);
    for (pqxx::row::size_type i = kFirstValue; i < row.size(); ++i) {
      parcel.values.push_back(pg::TextField(row[i]));
    }
  }
  for (AudienceMember& member : members) member.gone |= member.parcels.empty();
}

}  // namespace kabar::contacts
