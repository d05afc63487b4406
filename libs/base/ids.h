// Opaque ids. Lowercase base32 (a-z, 2-7): safe in URLs, file names, SQL and Redis keys, and
// nobody reads a meaning into them.
//
// Thread safety: free functions, safe from any thread. Blocks: never in practice (getrandom waits
// only until the kernel has its first entropy). Errors: none; a kernel without getrandom ends the
// process, because ids that are not random would mix up outlets' data.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace kabar::base {

// "cmp" -> "cmp_" + 20 random characters (100 bits).
std::string NewId(absl::string_view prefix);

// The same length, but later ids sort bytewise behind earlier ones (11 characters are the time in
// microseconds, 9 are random: 45 bits among those of one microsecond). For rows that come by the
// million: their index grows at its end instead of all over. Ids of one call to the next in one
// thread always ascend.
std::string NewOrderedId(absl::string_view prefix);

// The same prefix and parts give the same id, everywhere and for ever: prefix + "_" + 26
// characters (130 bits) of SHA-256 over prefix and parts, each preceded by its length, so that
// {"ab", "c"} and {"a", "bc"} differ. Call: DerivedId("stp", {run, contact}).
std::string DerivedId(absl::string_view prefix, absl::Span<const absl::string_view> parts);

// The 26 characters alone.
std::string DerivedBase32(absl::Span<const absl::string_view> parts);

// True for characters that Base32 uses, at least one.
bool IsBase32(absl::string_view text);

}  // namespace kabar::base
