// The outlet's local time, at the edges only: inside everything is absl::Time.
//
// Indonesia's zones go by their own names, WIB (Asia/Jakarta), WITA (Asia/Makassar) and WIT
// (Asia/Jayapura), in any case; every other zone by its IANA name. Zones come from the system's
// tzdata.
//
// Thread safety: free functions. Blocks: the first use of a zone reads its file. Errors:
// INVALID_ARGUMENT, UNKNOWN_TIME_ZONE or INVALID_TIME, naming the text and an accepted form.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace kabar::base {

absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name);

// "wib" -> "Asia/Jakarta"; an IANA name stays as it is.
absl::StatusOr<std::string> CanonicalZoneName(absl::string_view name);

// The moment that `text` means:
//   08:00 Asia/Jakarta, 08:00 WIB, 08.00 wib     the next such time after `now` (today if still
//                                                ahead, else tomorrow)
//   2026-11-22 08:00 WIB                         that moment, even if past
//   2026-11-22T08:00:00+07:00                    RFC 3339, that moment, even if past
// A form without a zone is read in `default_zone` (a name as above); if that is empty too, it is
// refused. Seconds may follow the minutes. Pass a start time as `now` to read the end time after
// it.
absl::StatusOr<absl::Time> ParseLocalTime(absl::string_view text, absl::Time now,
                                          absl::string_view default_zone = "");

// "2026-11-22 08:00 WIB" (or the IANA name); read back by ParseLocalTime. Seconds only if not 0.
absl::StatusOr<std::string> FormatLocalTime(absl::Time time, absl::string_view zone);

// The date on the outlet's wall.
absl::StatusOr<absl::CivilDay> LocalDay(absl::Time time, absl::string_view zone);

}  // namespace kabar::base
