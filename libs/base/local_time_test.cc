#include "libs/base/local_time.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/status_matchers.h"

namespace kabar::base {
namespace {

using testing::ReasonIs;

absl::Time Utc(int year, int month, int day, int hour, int minute, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone());
}

// 2026-11-21 07:00 in Jakarta.
const absl::Time kNow = Utc(2026, 11, 21, 0, 0);

TEST_CASE("ParseLocalTime: a bare time is today if still ahead, else tomorrow", "[local_time]") {
  CHECK(*ParseLocalTime("08:00 Asia/Jakarta", kNow) == Utc(2026, 11, 21, 1, 0));
  CHECK(*ParseLocalTime("08:00 WIB", kNow) == Utc(2026, 11, 21, 1, 0));
  CHECK(*ParseLocalTime("08.00 wib", kNow) == Utc(2026, 11, 21, 1, 0));
  CHECK(*ParseLocalTime("8:00:30 WIB", kNow) == Utc(2026, 11, 21, 1, 0, 30));
  CHECK(*ParseLocalTime("06:59 WIB", kNow) == Utc(2026, 11, 21, 23, 59));
  CHECK(*ParseLocalTime("07:00 WIB", kNow) == Utc(2026, 11, 22, 0, 0));
  CHECK(*ParseLocalTime("07:00 WIB", kNow - absl::Nanoseconds(1)) == kNow);
}

TEST_CASE("ParseLocalTime: the outlet's day counts, not the server's", "[local_time]") {
  // 21:30 UTC is 04:30 of the next day in Jakarta and 06:30 in Jayapura.
  absl::Time evening = Utc(2026, 11, 20, 21, 30);
  CHECK(*ParseLocalTime("05:00 WIB", evening) == Utc(2026, 11, 20, 22, 0));
  CHECK(*ParseLocalTime("04:00 WIB", evening) == Utc(2026, 11, 21, 21, 0));
  CHECK(*ParseLocalTime("08:00 WITA", evening) == Utc(2026, 11, 21, 0, 0));
  CHECK(*ParseLocalTime("08:00 WIT", evening) == Utc(2026, 11, 20, 23, 0));
}

TEST_CASE("ParseLocalTime: a dated time is that moment, even if past", "[local_time]") {
  CHECK(*ParseLocalTime("2026-11-22 08:00 WIB", kNow) == Utc(2026, 11, 22, 1, 0));
  CHECK(*ParseLocalTime("2020-02-29 08:00 WIB", kNow) == Utc(2020, 2, 29, 1, 0));
  CHECK(*ParseLocalTime("2026-11-22T08:00:00+07:00", kNow) == Utc(2026, 11, 22, 1, 0));
  CHECK(*ParseLocalTime("2026-11-22T01:00:00Z", kNow) == Utc(2026, 11, 22, 1, 0));
}

TEST_CASE("ParseLocalTime: the default zone is used where none is named", "[local_time]") {
  CHECK(*ParseLocalTime("08:00", kNow, "WITA") == Utc(2026, 11, 22, 0, 0));
  CHECK(*ParseLocalTime("2026-11-22 08:00", kNow, "Asia/Jayapura") == Utc(2026, 11, 21, 23, 0));
  CHECK(*ParseLocalTime("08:00 WIB", kNow, "WITA") == Utc(2026, 11, 21, 1, 0));
  CHECK_THAT(ParseLocalTime("08:00", kNow),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "zone is missing"));
}

TEST_CASE("ParseLocalTime: a bare time keeps its hour over a change of clocks", "[local_time]") {
  // Berlin leaves summer time on 2026-10-25 at 03:00.
  absl::Time before = Utc(2026, 10, 24, 12, 0);
  CHECK(*ParseLocalTime("08:00 Europe/Berlin", before) == Utc(2026, 10, 25, 7, 0));
  // 02:30 does not exist on 2026-03-29: the moment of the change.
  CHECK(*ParseLocalTime("2026-03-29 02:30 Europe/Berlin", before) == Utc(2026, 3, 29, 1, 0));
}

TEST_CASE("ParseLocalTime: refuses what is no time, and says what is", "[local_time]") {
  for (const char* bad :
       {"", "  ", "soon", "8 WIB", "24:00 WIB", "08:60 WIB", "08:00:60 WIB", "8:0 WIB",
        "08:00 WIB please", "2026-11-31 08:00 WIB", "2026-13-01 08:00 WIB", "26-11-22 08:00 WIB",
        "2026-11-22 WIB", "2026-11-22", "2026-11-22T08:00", "2026-11-22T08:00:00",
        "infinite-future", "-1:00 WIB"}) {
    CAPTURE(bad);
    CHECK_THAT(ParseLocalTime(bad, kNow, "WIB"), ReasonIs("INVALID_TIME"));
  }
}

TEST_CASE("LoadZone: Indonesian and IANA names, no files", "[local_time]") {
  CHECK(*CanonicalZoneName("WIB") == "Asia/Jakarta");
  CHECK(*CanonicalZoneName("wita") == "Asia/Makassar");
  CHECK(*CanonicalZoneName("Wit") == "Asia/Jayapura");
  CHECK(*CanonicalZoneName("Asia/Pontianak") == "Asia/Pontianak");
  CHECK(*CanonicalZoneName("UTC") == "UTC");
  for (const char* bad : {"", "WIBB", "Asia/Atlantis", "/usr/share/zoneinfo/Asia/Jakarta",
                          "file:Asia/Jakarta", "localtime", "libc:localtime", "../zoneinfo/UTC"}) {
    CAPTURE(bad);
    CHECK_THAT(LoadZone(bad), ReasonIs("UNKNOWN_TIME_ZONE"));
  }
  CHECK_THAT(ParseLocalTime("08:00 Mars/Base", kNow), ReasonIs("UNKNOWN_TIME_ZONE"));
}

TEST_CASE("FormatLocalTime: writes what ParseLocalTime reads", "[local_time]") {
  absl::Time time = Utc(2026, 11, 22, 1, 0);
  CHECK(*FormatLocalTime(time, "Asia/Jakarta") == "2026-11-22 08:00 WIB");
  CHECK(*FormatLocalTime(time, "wit") == "2026-11-22 10:00 WIT");
  CHECK(*FormatLocalTime(time, "Europe/Berlin") == "2026-11-22 02:00 Europe/Berlin");
  CHECK(*FormatLocalTime(time + absl::Seconds(5), "WIB") == "2026-11-22 08:00:05 WIB");
  CHECK(*ParseLocalTime(*FormatLocalTime(time, "WITA"), kNow) == time);
}

TEST_CASE("LocalDay: the date on the outlet's wall", "[local_time]") {
  absl::Time evening = Utc(2026, 11, 20, 16, 30);
  CHECK(*LocalDay(evening, "WIB") == absl::CivilDay(2026, 11, 20));
  CHECK(*LocalDay(evening, "WITA") == absl::CivilDay(2026, 11, 21));
}

}  // namespace
}  // namespace kabar::base
