// Days and times as people and machines write them into cells and messages.
//
// Thread safety: free functions. Blocks: no. Errors: nullopt for what is no time.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::base {

struct WrittenTime {
  absl::Time time = absl::InfinitePast();
  bool has_clock = false;  // false: only the day was written, `time` is its beginning
};

// 2026-11-22 08:30, 22/11/2026 08.30, 22-11-2026, 2026-11-22T08:30:00+07:00; the day stands first,
// as Indonesians write it. What names no zone of its own is read in `zone`.
std::optional<WrittenTime> ParseWrittenTime(absl::string_view text, absl::TimeZone zone);

}  // namespace kabar::base
