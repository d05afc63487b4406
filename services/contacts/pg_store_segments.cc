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

absl::StatusOr<SegmentSize> PgUnit::CountSegment(const SegmentFilter& filter) {
  filter_lang::SqlParams params(2);
  KABAR_ASSIGN_OR_RETURN(const std::string condition, FilterSql(filter, params));
  const pqxx::result rows = ExecFiltered(
      "contacts.count_segment",
      absl::StrCat("SELECT count(DISTINCT c.id), count(s.id), "
                   "count(DISTINCT s.contact_id) FROM contacts c "
                   "LEFT JOIN shipments s ON s.outlet_id = c.outlet_id AND s.contact_id = c.id "
                   "WHERE c.outlet_id = $1 AND c.deleted_at IS NULL AND ",
                   condition),
      {outlet_}, params);
  return SegmentSize{rows[0][0].as<int64_t>(), rows[0][1].as<int64_t>(), rows[0][2].as<int64_t>()};
}

}  // namespace kabar::contacts
