// Built-in defects, to prove that tools/chaos can fail: KABAR_DEFECT names one (several between
// commas) and HasDefect() says so where the code would then go wrong. Compiled into test builds
// only (KABAR_FAILPOINTS); elsewhere it is false at compile time and nothing is left of it.
//
//   no-compare-and-set             a claim takes messages whatever state they are in
//   replaying-client               a request whose connection died is written again, unasked
//   statuses-move-backwards        the last webhook counts, not the strongest
//   position-outside-transaction   a consumer keeps its position after its effects, not with them
//   limits-forgotten               after a restart of Redis every bucket is full again
//   cancel-not-looked-at           neither the claim nor Redis hears of a pause or cancel
//
// Thread safety: any thread. Nothing blocks, nothing fails.
#pragma once

#include "absl/strings/string_view.h"

namespace kabar::base {

#ifdef KABAR_FAILPOINTS
bool HasDefect(absl::string_view name);
#else
constexpr bool HasDefect(absl::string_view) { return false; }
#endif

}  // namespace kabar::base
