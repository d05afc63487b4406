#include "services/contacts/import_columns.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/contacts/contact.h"

namespace kabar::contacts {
namespace {

using Kind = ImportColumn::Kind;

absl::Status HeaderError(absl::string_view reason, absl::string_view message) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, message);
}

// By fields::Key of the header.
std::optional<Purpose> OptInOf(absl::string_view key) {
  for (const char* name : {"marketingoptin", "optinmarketing", "setujupromosi", "izinpromosi",
                           "persetujuanpromosi", "setujupromo"}) {
    if (key == name) return Purpose::kMarketing;
  }
  for (const char* name : {"deliveryupdatesoptin", "optindeliveryupdates", "setujunotifikasi",
                           "izinnotifikasi", "persetujuannotifikasi", "setujukabar"}) {
    if (key == name) return Purpose::kDeliveryUpdates;
  }
  return std::nullopt;
}

// False: no column of ours has this name.
bool Assign(absl::string_view name, ImportColumn& column) {
  const std::string key = fields::Key(name);
  if (key == "bsuid" || key == "userid") {
    column.kind = Kind::kBsuid;
    return true;
  }
  if (key == "tags" || key == "tag" || key == "label") {
    column.kind = Kind::kTags;
    return true;
  }
  if (const std::optional<Purpose> purpose = OptInOf(key)) {
    column.kind = Kind::kOptIn;
    column.purpose = *purpose;
    return true;
  }
  constexpr absl::string_view kPrefix = "attributes.";
  if (absl::StartsWithIgnoreCase(name, kPrefix) && name.size() > kPrefix.size()) {
    column.kind = Kind::kAttribute;
    column.attribute = std::string(name.substr(kPrefix.size()));
    return true;
  }
  const std::optional<fields::Field> field = fields::Canonical(name);
  if (!field || field->owner == fields::Owner::kTrigger || field->derived) return false;
  column.kind = Kind::kField;
  column.field = *field;
  column.target = FindCellTarget(*field);
  return true;
}

// What two columns must not both be.
std::string MeaningOf(const ImportColumn& column) {
  switch (column.kind) {
    case Kind::kField:
      return std::string(column.field.name);
    case Kind::kBsuid:
      return "bsuid";
    case Kind::kTags:
      return "tags";
    case Kind::kAttribute:
      return absl::StrCat("attributes.", column.attribute);
    case Kind::kOptIn:
      return absl::StrCat(PurposeName(column.purpose), " opt-in");
    case Kind::kIgnored:
      break;
  }
  return "";
}

absl::Status ApplyMapping(const std::map<std::string, std::string>& mapping,
                          std::vector<ImportColumn>& columns, std::vector<bool>& mapped) {
  for (const auto& [header, name] : mapping) {
    const std::string key = fields::Key(base::Trim(header));
    bool found = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].header != base::Trim(header) && fields::Key(columns[i].header) != key)
        continue;
      found = true;
      mapped[i] = true;
      if (base::Trim(name).empty()) continue;
      if (!Assign(base::Trim(name), columns[i])) {
        return HeaderError("MAPPING_UNKNOWN_FIELD",
                           absl::StrCat("the mapping sends a column to \"", name,
                                        "\", which is no field; use a canonical name such as phone "
                                        "or status, attributes.<name>, or \"\" to leave it out"));
      }
    }
    if (!found) {
      return HeaderError("MAPPING_UNKNOWN_COLUMN",
                         absl::StrCat("the mapping names a column \"", header,
                                      "\" that is not in the file's first row; write it as there"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportColumns> ImportColumns::Resolve(
    const std::vector<std::string>& header, const std::map<std::string, std::string>& mapping,
    const AttributeKinds& attribute_kinds) {
  ImportColumns out;
  for (std::size_t i = 0; i < header.size(); ++i) {
    ImportColumn column;
    column.header = std::string(base::Trim(header[i]));
    const std::string fault = TextFault(column.header, kMaxShortText);
    if (!fault.empty()) {
      return HeaderError("HEADER_NOT_TEXT", absl::StrCat("the name of column ", i + 1, " ", fault));
    }
    out.columns_.push_back(std::move(column));
  }
  std::vector<bool> mapped(header.size(), false);
  KABAR_RETURN_IF_ERROR(ApplyMapping(mapping, out.columns_, mapped));

  std::map<std::string, std::size_t> taken;
  for (std::size_t i = 0; i < out.columns_.size(); ++i) {
    ImportColumn& column = out.columns_[i];
    if (!mapped[i] && !column.header.empty()) Assign(column.header, column);
    if (const auto kind = attribute_kinds.find(column.attribute); kind != attribute_kinds.end()) {
      column.attribute_kind = kind->second;
    }
    const std::string identity = MeaningOf(column);
    if (identity.empty()) continue;
    const auto [other, fresh] = taken.emplace(identity, i);
    if (!fresh) {
      return HeaderError("HEADER_AMBIGUOUS",
                         absl::StrCat("columns ", other->second + 1, " and ", i + 1, " both mean ",
                                      identity, "; rename one, or map the one not wanted to \"\""));
    }
  }
  if (taken.count("phone") == 0) {
    return HeaderError(
        "HEADER_NO_PHONE",
        "the first row names no column for the phone number; name it no_hp, telepon or phone, or "
        "map yours: {\"<your column>\": \"phone\"}");
  }
  return out;
}

std::vector<std::string> ImportColumns::Ignored() const {
  std::vector<std::string> out;
  for (const ImportColumn& column : columns_) {
    if (column.kind == Kind::kIgnored && !column.header.empty()) out.push_back(column.header);
  }
  return out;
}

}  // namespace kabar::contacts
