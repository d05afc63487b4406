// The one table of the names that contacts, shipments and trigger events give their values: the
// canonical name, who owns it, its type, and the spellings in which Indonesians write it in CSV
// headers, filters and templates ("No. HP", "no_hp" and "whatsapp" are all `phone`).
//
// Lookup ignores case and treats space, '-', '.' and '_' alike: as if they were not there, so that
// "nohp" and "No. HP" need no entries of their own. An owner in front ("shipment.status",
// "contact.name") is understood and must be the right one.
//
// Thread safety: everything is immutable after first use. Nothing blocks, nothing fails.
#ifndef KABAR_LIBS_FIELDS_FIELDS_H_
#define KABAR_LIBS_FIELDS_FIELDS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace kabar::fields {

enum class Owner { kContact, kShipment, kTrigger };

enum class Type {
  kText,
  kPhone,  // E.164 once imported
  kBool,
  kMoney,  // minor units once imported
  kTime,
  kNumber,
};

struct Field {
  absl::string_view name;  // canonical, lives as long as the program
  Owner owner = Owner::kContact;
  Type type = Type::kText;
  bool derived = false;  // follows from other data: no file can set it
};

// The field that a header, filter or template calls `name`; nullopt if it is none of ours.
std::optional<Field> Canonical(absl::string_view name);

// What two spellings of one name have in common, known or not: lower case, separators dropped
// ("No. Polis" and "no_polis" give "nopolis"). For comparing, never for showing.
std::string Key(absl::string_view name);

// Every field, in the order in which people expect to see them.
absl::Span<const Field> All();

// The other spellings of a canonical name, for help texts; empty if the name is not canonical.
absl::Span<const absl::string_view> Aliases(absl::string_view canonical_name);

}  // namespace kabar::fields

#endif  // KABAR_LIBS_FIELDS_FIELDS_H_
