#include "services/campaigns/schedule.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/time/clock.h"
#include "libs/base/local_time.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"

namespace kabar::campaigns {
namespace {

using kabar::testing::IsOk;
using kabar::testing::ReasonIs;

constexpr int kWeekdays = 0b0011111;  // Monday to Friday
constexpr int kEveryDay = 0b1111111;

Campaign Morning(int weekdays, const std::string& start = "08:00 Asia/Jakarta",
                 const std::string& end = "11:00 Asia/Jakarta") {
  Campaign c;
  c.id = "cmp_1";
  c.name = "pagi";
  c.rate = "45/min";
  c.weekdays = weekdays;
  c.start_text = start;
  c.end_text = end;
  c.state = State::kScheduled;
  return c;
}
absl::Time At(const std::string& text) {
  const auto time = base::ParseLocalTime(text, absl::Now());
  REQUIRE_THAT(time, IsOk());
  return *time;
}
std::string Next(const Campaign& c, const std::string& after, const Holidays& holidays = {},
                 const std::string& zone = "WIB") {
  const auto next = NextOccurrence(c, At(after), holidays);
  REQUIRE_THAT(next, IsOk());
  return *base::FormatLocalTime(*next, zone);
}

// 2026-11-22 is a Sunday.
TEST_CASE("NextOccurrence: by weekday, in the schedule's own zone", "[schedule]") {
  CHECK(Next(Morning(kWeekdays), "2026-11-22 12:00 WIB") == "2026-11-23 08:00 WIB");
  CHECK(Next(Morning(kWeekdays), "2026-11-23 07:59 WIB") == "2026-11-23 08:00 WIB");
  CHECK(Next(Morning(kWeekdays), "2026-11-23 08:00 WIB") == "2026-11-24 08:00 WIB");
  CHECK(Next(Morning(kWeekdays), "2026-11-27 08:00 WIB") == "2026-11-30 08:00 WIB");  // week end
  CHECK(Next(Morning(1 << 5), "2026-11-22 12:00 WIB") == "2026-11-28 08:00 WIB");     // Saturdays
  // Monday 00:30 in Jayapura is Sunday afternoon in UTC, and still Sunday evening in Jakarta.
  const Campaign early = Morning(1 << 0, "00:30 WIT", "02:00 WIT");
  CHECK(Next(early, "2026-11-22 12:00 WIB", {}, "WIT") == "2026-11-23 00:30 WIT");
  CHECK(Next(early, "2026-11-22 22:31 WIB", {}, "WIT") == "2026-11-30 00:30 WIT");
}

TEST_CASE("NextOccurrence: holidays are passed over where the schedule says so", "[schedule]") {
  const Holidays holidays = {absl::CivilDay(2026, 12, 24), absl::CivilDay(2026, 12, 25)};
  Campaign c = Morning(kWeekdays);
  CHECK(Next(c, "2026-12-23 12:00 WIB", holidays) == "2026-12-24 08:00 WIB");
  c.skip_holidays = true;
  CHECK(Next(c, "2026-12-23 12:00 WIB", holidays) == "2026-12-28 08:00 WIB");
  CHECK_FALSE(IsOccurrence(c, At("2026-12-25 08:00 WIB"), holidays).value());
  CHECK(IsOccurrence(c, At("2026-12-28 08:00 WIB"), holidays).value());

  Holidays for_ever;
  for (int i = 0; i < 500; ++i) for_ever.insert(absl::CivilDay(2026, 12, 1) + i);
  CHECK_THAT(NextOccurrence(c, At("2026-12-01 12:00 WIB"), for_ever), ReasonIs("NO_OCCURRENCE"));
}

TEST_CASE("RunOf: within its end time it runs, past it it is recorded as missed", "[schedule]") {
  const Campaign c = Morning(kEveryDay);
  const absl::Time start = At("2026-11-23 08:00 WIB");
  const auto late = RunOf(c, start, At("2026-11-23 10:59 WIB"));
  REQUIRE_THAT(late, IsOk());
  CHECK(late->state == State::kScheduled);
  CHECK(late->name == "pagi 2026-11-23");
  CHECK(late->parent_id == "cmp_1");
  CHECK(late->occurrence_at == start);
  CHECK(*late->end_at == At("2026-11-23 11:00 WIB"));
  CHECK(late->rate == "45/min");
  CHECK(late->weekdays == 0);  // it does not recur itself

  const auto missed = RunOf(c, start, At("2026-11-23 11:00 WIB"));
  REQUIRE_THAT(missed, IsOk());
  CHECK(missed->state == State::kMissed);
  CHECK(missed->ended());
  CHECK_THAT(missed->state_reason, Catch::Contains("2026-11-23 01:00 UTC to 2026-11-23 04:00 UTC"));
  // Over midnight.
  const auto night = RunOf(Morning(kEveryDay, "22:00 WIB", "02:00 WIB"), At("2026-11-23 22:00 WIB"),
                           At("2026-11-24 01:00 WIB"));
  REQUIRE_THAT(night, IsOk());
  CHECK(night->state == State::kScheduled);
}

TEST_CASE("ScheduleNext, PauseSchedule: states of the schedule itself", "[schedule]") {
  Campaign c = Morning(kWeekdays);
  const absl::Time now = At("2026-11-22 12:00 WIB");
  REQUIRE_THAT(ScheduleNext(c, now, {}, now), IsOk());
  CHECK(c.state_reason == "runs next at 2026-11-23 08:00 WIB");
  REQUIRE_THAT(PauseSchedule(c, now), IsOk());
  CHECK(c.state == State::kPaused);
  REQUIRE_THAT(PauseSchedule(c, now), IsOk());
  REQUIRE_THAT(ScheduleNext(c, At("2026-11-25 09:00 WIB"), {}, now), IsOk());
  CHECK(c.state == State::kScheduled);
  CHECK(*c.start_at == At("2026-11-26 08:00 WIB"));
  c.state = State::kCancelled;
  CHECK_THAT(PauseSchedule(c, now), ReasonIs("WRONG_CAMPAIGN_STATE"));
}

TEST_CASE("CheckSchedule: hours without a date", "[schedule]") {
  for (const char* wrong : {"2026-11-22 08:00 WIB", "2026-11-22T08:00:00+07:00", "08:00", ""}) {
    INFO(wrong);
    absl::Status faults;
    CheckSchedule(Morning(kWeekdays, wrong), faults);
    CHECK_FALSE(base::GetFieldViolations(faults).empty());
  }
  absl::Status faults;
  CheckSchedule(Morning(kWeekdays), faults);
  CHECK(faults.ok());
}

}  // namespace
}  // namespace kabar::campaigns
