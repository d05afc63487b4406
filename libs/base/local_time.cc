#include "libs/base/local_time.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::base {
namespace {

struct Alias {
  absl::string_view name;
  absl::string_view iana;
};

constexpr Alias kAliases[] = {
    {"WIB", "Asia/Jakarta"}, {"WITA", "Asia/Makassar"}, {"WIT", "Asia/Jayapura"}};

absl::Status InvalidTime(absl::string_view text, absl::string_view fault) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_TIME",
               absl::StrCat("time \"", text, "\": ", fault,
                            "; write 08:00 WIB, 2026-11-22 08:00 Asia/Jakarta or "
                            "2026-11-22T08:00:00+07:00"));
}

// absl would also load files and the machine's own zone by names such as "/etc/x" or "localtime".
bool LooksLikeIanaName(absl::string_view name) {
  for (char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !absl::StrContains("_+-/", c)) {
      return false;
    }
  }
  return !name.empty() && name.front() != '/' && name != "localtime";
}

// Two digits, or one where `short_form` is allowed; -1 for anything else.
int SmallNumber(absl::string_view text, bool short_form) {
  if (text.size() > 2 || text.size() < (short_form ? 1u : 2u)) return -1;
  int number = 0;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

struct TimeOfDay {
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// 8:00, 08:00, 08.00, 08:00:30.
bool ParseTimeOfDay(absl::string_view text, TimeOfDay* time) {
  std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::StrContains(text, ':') ? ':' : '.');
  if (parts.size() < 2 || parts.size() > 3) return false;
  time->hour = SmallNumber(parts[0], /*short_form=*/true);
  time->minute = SmallNumber(parts[1], /*short_form=*/false);
  time->second = parts.size() == 3 ? SmallNumber(parts[2], /*short_form=*/false) : 0;
  return time->hour >= 0 && time->hour < 24 && time->minute >= 0 && time->minute < 60 &&
         time->second >= 0 && time->second < 60;
}

bool ParseDate(absl::string_view text, absl::CivilDay* day) {
  std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  if (parts.size() != 3 || parts[0].size() != 4) return false;
  int century = SmallNumber(parts[0].substr(0, 2), false);
  int year_in_century = SmallNumber(parts[0].substr(2), false);
  int month = SmallNumber(parts[1], false);
  int day_of_month = SmallNumber(parts[2], false);
  if (century < 0 || year_in_century < 0) return false;
  *day = absl::CivilDay(century * 100 + year_in_century, month, day_of_month);
  // CivilDay carries the 31st of November over into December: not what anybody meant.
  return day->month() == month && day->day() == day_of_month;
}

absl::StatusOr<absl::Time> ParseRfc3339(absl::string_view text) {
  absl::Time time;
  std::string fault;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &fault)) {
    return InvalidTime(text, "not an RFC 3339 time with seconds and an offset");
  }
  return time;
}

absl::string_view DisplayName(absl::string_view iana) {
  for (const Alias& alias : kAliases) {
    if (alias.iana == iana) return alias.name;
  }
  return iana;
}

absl::Time AtTimeOfDay(absl::CivilDay day, const TimeOfDay& time, absl::TimeZone zone) {
  // A time that a change of clocks skips becomes the moment of the change.
  return absl::FromCivil(
      absl::CivilSecond(day.year(), day.month(), day.day(), time.hour, time.minute, time.second),
      zone);
}

}  // namespace

absl::StatusOr<std::string> CanonicalZoneName(absl::string_view name) {
  for (const Alias& alias : kAliases) {
    if (absl::EqualsIgnoreCase(alias.name, name)) return std::string(alias.iana);
  }
  absl::TimeZone zone;
  if (!LooksLikeIanaName(name) || !absl::LoadTimeZone(name, &zone)) {
    return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_TIME_ZONE",
                 absl::StrCat("time zone \"", name,
                              "\" is unknown; use WIB, WITA, WIT or an IANA name such as "
                              "Asia/Jakarta (the machine needs tzdata)"));
  }
  return std::string(name);
}

absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name) {
  KABAR_ASSIGN_OR_RETURN(std::string iana, CanonicalZoneName(name));
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(iana, &zone)) {
    return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_TIME_ZONE",
                 absl::StrCat("time zone ", iana, " cannot be loaded; install tzdata"));
  }
  return zone;
}

absl::StatusOr<absl::Time> ParseLocalTime(absl::string_view text, absl::Time now,
                                          absl::string_view default_zone) {
  absl::string_view trimmed = Trim(text);
  if (trimmed.size() > 10 && trimmed[10] == 'T') return ParseRfc3339(trimmed);

  std::vector<absl::string_view> words = absl::StrSplit(trimmed, ' ', absl::SkipEmpty());
  absl::Span<const absl::string_view> rest(words);
  if (rest.empty()) return InvalidTime(text, "it is empty");

  bool dated = absl::StrContains(rest[0], '-');
  absl::CivilDay day;
  if (dated) {
    if (!ParseDate(rest[0], &day)) return InvalidTime(text, "there is no such date");
    rest.remove_prefix(1);
  }
  TimeOfDay time;
  if (rest.empty() || !ParseTimeOfDay(rest[0], &time)) {
    return InvalidTime(text, "expected a time from 00:00 to 23:59");
  }
  rest.remove_prefix(1);
  if (rest.size() > 1) {
    return InvalidTime(text, absl::StrCat("\"", absl::StrJoin(rest.subspan(1), " "),
                                          "\" after the zone means nothing"));
  }
  absl::string_view zone_name = rest.empty() ? default_zone : rest[0];
  if (zone_name.empty()) return InvalidTime(text, "the time zone is missing");
  KABAR_ASSIGN_OR_RETURN(absl::TimeZone zone, LoadZone(zone_name));

  if (dated) return AtTimeOfDay(day, time, zone);
  day = absl::ToCivilDay(now, zone);
  absl::Time today = AtTimeOfDay(day, time, zone);
  return today > now ? today : AtTimeOfDay(day + 1, time, zone);
}

absl::StatusOr<std::string> FormatLocalTime(absl::Time time, absl::string_view zone_name) {
  KABAR_ASSIGN_OR_RETURN(std::string iana, CanonicalZoneName(zone_name));
  KABAR_ASSIGN_OR_RETURN(absl::TimeZone zone, LoadZone(iana));
  bool whole_minute = absl::ToCivilSecond(time, zone).second() == 0;
  return absl::StrCat(
      absl::FormatTime(whole_minute ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%S", time, zone), " ",
      DisplayName(iana));
}

absl::StatusOr<absl::CivilDay> LocalDay(absl::Time time, absl::string_view zone_name) {
  KABAR_ASSIGN_OR_RETURN(absl::TimeZone zone, LoadZone(zone_name));
  return absl::ToCivilDay(time, zone);
}

}  // namespace kabar::base
