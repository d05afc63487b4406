// Types of an outlet's free attributes.
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kList{"contacts.attribute_types",
                          "SELECT name, type FROM attribute_types WHERE outlet_id = $1"};
constexpr pg::Query kSet{"contacts.set_attribute_type",
                         "INSERT INTO attribute_types (outlet_id, name, type) VALUES ($1, $2, $3) "
                         "ON CONFLICT (outlet_id, name) DO UPDATE SET type = excluded.type"};
constexpr pg::Query kUnset{"contacts.unset_attribute_type",
                           "DELETE FROM attribute_types WHERE outlet_id = $1 AND name = $2"};
// Reads all of the outlet's contacts; a type is set once.
constexpr pg::Query kMisfits{
    "contacts.attribute_misfits",
    "SELECT count(*) FROM contacts WHERE outlet_id = $1 AND attributes ->> $2 <> '' "
    "AND attributes ->> $2 !~ CASE $3 WHEN 'NUMBER' THEN '^-?[0-9]+([.][0-9]+)?$' "
    "WHEN 'DATE' THEN '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' ELSE '^(ya|tidak)$' END"};

}  // namespace

absl::StatusOr<AttributeKinds> PgUnit::GetAttributeKinds() {
  AttributeKinds out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_)) {
    out.emplace(pg::TextField(row[0]), AttributeKindOf(pg::TextField(row[1])));
  }
  return out;
}

absl::Status PgUnit::SetAttributeKind(const std::string& name, AttributeKind kind) {
  if (kind == AttributeKind::kText) {
    tx_.Exec(kUnset, outlet_, name);
    return absl::OkStatus();
  }
  const std::string type(AttributeKindName(kind));
  tx_.Exec(kSet, outlet_, name, type);
  const auto misfits = tx_.ExecOne(kMisfits, outlet_, name, type)[0].as<int64_t>();
  if (misfits == 0) return absl::OkStatus();
  return base::Error(absl::StatusCode::kFailedPrecondition, "ATTRIBUTE_VALUES_MISFIT",
                     absl::StrCat(misfits, " contacts have a value that is no ", type,
                                  " in its stored form (12.5, 2026-11-22, ya or tidak); change or "
                                  "empty these first, or choose another name"));
}

}  // namespace kabar::contacts
