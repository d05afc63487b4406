// How messages name media that were uploaded: "medium:NAME" where an address could stand.
//
// Thread safety: pure functions. Nothing blocks. Errors: none.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "services/dispatcher/parts.h"

namespace kabar::dispatcher {

// Small letters, digits, '-', '_' and '.', at most 64.
bool IsMediumName(absl::string_view name);

// What MediumOf makes of a name that none can have.
inline constexpr char kNobodysMedium[] = "?";

// The medium that the header names; empty: none, or an address. What is no name is one that no
// medium has.
std::string MediumOf(const Parts& parts);

// True if a medium of this type can be this header. A document may be anything.
bool FitsHeader(absl::string_view mime_type, HeaderKind kind);

}  // namespace kabar::dispatcher
