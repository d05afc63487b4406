// What the columns of a file mean: headers through the table of libs/fields, or as the caller maps
// them.
//
// Thread safety: immutable once made. Nothing blocks. Errors (the file is refused whole, before any
// row): INVALID_ARGUMENT with reason HEADER_NO_PHONE, HEADER_AMBIGUOUS,
// HEADER_NOT_TEXT, MAPPING_UNKNOWN_COLUMN, MAPPING_UNKNOWN_FIELD. Header texts stand in no message
// (in a file without header they are a customer's data); the mapping's do.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_COLUMNS_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_COLUMNS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/fields/fields.h"
#include "services/contacts/attribute_type.h"
#include "services/contacts/contact.h"

namespace kabar::contacts {

// How the cells of a field's column are read (import_row.cc).
struct CellTarget;
const CellTarget* FindCellTarget(const fields::Field& field);

struct ImportColumn {
  // kOptIn: "yes" says that the customer agreed; "no" and nothing say nothing.
  enum class Kind { kIgnored, kField, kBsuid, kTags, kAttribute, kOptIn };
  Kind kind = Kind::kIgnored;
  std::string header;                  // as written, trimmed
  fields::Field field;                 // kField: of a contact or shipment
  const CellTarget* target = nullptr;  // of the field
  std::string attribute;               // kAttribute: its name
  AttributeKind attribute_kind = AttributeKind::kText;
  Purpose purpose = Purpose::kDeliveryUpdates;  // kOptIn
};

class ImportColumns {
 public:
  // `mapping`: header as written -> canonical name, one of its aliases, "bsuid", "tags",
  // "marketing_opt_in", "delivery_updates_opt_in",
  // "attributes.<name>", or "" to leave the column out. It goes before the table.
  static absl::StatusOr<ImportColumns> Resolve(const std::vector<std::string>& header,
                                               const std::map<std::string, std::string>& mapping,
                                               const AttributeKinds& attribute_kinds = {});

  const std::vector<ImportColumn>& columns() const { return columns_; }
  std::vector<std::string> Ignored() const;  // headers of columns that nothing takes up

 private:
  std::vector<ImportColumn> columns_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_COLUMNS_H_
