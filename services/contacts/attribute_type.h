// Types of free attributes, per outlet: what a value may be, and its stored form. An attribute
// without a type is a text.
//
// Thread safety: pure functions. Nothing blocks. Errors: INVALID_ARGUMENT with a violation that
// names the attribute.
#ifndef KABAR_SERVICES_CONTACTS_ATTRIBUTE_TYPE_H_
#define KABAR_SERVICES_CONTACTS_ATTRIBUTE_TYPE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::contacts {

enum class AttributeKind { kText, kNumber, kDate, kBoolean };
using AttributeKinds = std::map<std::string, AttributeKind>;

absl::string_view AttributeKindName(AttributeKind kind);  // "NUMBER"
AttributeKind AttributeKindOf(absl::string_view name);

// The stored form: a number with a point ("12.5"), a date as 2026-11-22, "ya" or "tidak"; a text as
// it is. nullopt: it is no such value, and *hint says what to write.
std::optional<std::string> StoredAttribute(AttributeKind kind, absl::string_view written,
                                           std::string* hint);

// Brings all of them into stored form. An empty value stays: the attribute is not known.
absl::Status NormalizeAttributes(absl::string_view prefix, const AttributeKinds& kinds,
                                 std::map<std::string, std::string>& attributes);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_ATTRIBUTE_TYPE_H_
