#include "libs/base/written_time.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/time/civil_time.h"

namespace kabar::base {
namespace {

const absl::TimeZone kJakarta = absl::FixedTimeZone(7 * 3600);

TEST_CASE("ParseWrittenTime: day first, in the zone given", "[written_time]") {
  const absl::Time expected = absl::FromCivil(absl::CivilMinute(2026, 11, 22, 8, 30), kJakarta);
  for (const char* text : {"22/11/2026 08:30", "22-11-2026 08.30", "22.11.2026 08:30:00",
                           "2026-11-22 08:30", "2026/11/22 08:30", "2026-11-22T08:30:00+07:00",
                           "2026-11-22T01:30:00Z", "  22/11/2026   08:30 "}) {
    INFO(text);
    const auto found = ParseWrittenTime(text, kJakarta);
    REQUIRE(found.has_value());
    CHECK(found->time == expected);
    CHECK(found->has_clock);
  }
}

TEST_CASE("ParseWrittenTime: a day alone has no clock", "[written_time]") {
  for (const char* text : {"22/11/2026", "22-11-2026", "2026-11-22", "2026/11/22"}) {
    INFO(text);
    const auto found = ParseWrittenTime(text, kJakarta);
    REQUIRE(found.has_value());
    CHECK(found->time == absl::FromCivil(absl::CivilDay(2026, 11, 22), kJakarta));
    CHECK_FALSE(found->has_clock);
  }
}

TEST_CASE("ParseWrittenTime: what is no time", "[written_time]") {
  for (const char* text : {"", " ", "besok", "31/02/2026", "32/11/2026", "11/22/2026", "22/11/26",
                           "45000", "08:30", "22/11/2026 25:00", "2026-13-01", "infinite-future",
                           "infinite-past", "T", "22/11", "2 hari"}) {
    INFO(text);
    CHECK_FALSE(ParseWrittenTime(text, kJakarta).has_value());
  }
  CHECK_FALSE(ParseWrittenTime(std::string(1 << 20, '2'), kJakarta).has_value());
}

}  // namespace
}  // namespace kabar::base
