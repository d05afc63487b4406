#include "services/campaigns/schedule.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/local_time.h"
#include "libs/base/status.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kDefaultRun = absl::Hours(24);

// "08:00 Asia/Jakarta": an hour and a zone, no date.
bool IsDaily(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  return words.size() == 2 && words[0].find('-') == absl::string_view::npos;
}

std::string ZoneOf(absl::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  return words.empty() ? "" : words.back();
}

bool OnWeekday(const Campaign& schedule, absl::CivilDay day) {
  return (schedule.weekdays & (1 << static_cast<int>(absl::GetWeekday(day)))) != 0;
}

void CheckDaily(absl::string_view field, const std::string& text, absl::Status& faults) {
  if (!IsDaily(text)) {
    base::AddFieldViolation(faults, field,
                            "a campaign that recurs needs an hour and a zone without a date, such "
                            "as \"08:00 Asia/Jakarta\"");
  }
}

}  // namespace

void CheckSchedule(const Campaign& schedule, absl::Status& faults) {
  if (schedule.weekdays < 0 || schedule.weekdays > 127) {
    base::AddFieldViolation(faults, "campaign.weekdays", "must be days from MONDAY to SUNDAY");
  }
  CheckDaily("campaign.start", schedule.start_text, faults);
  if (!schedule.end_text.empty()) CheckDaily("campaign.end", schedule.end_text, faults);
}

absl::StatusOr<bool> IsOccurrence(const Campaign& schedule, absl::Time occurrence,
                                  const Holidays& holidays) {
  KABAR_ASSIGN_OR_RETURN(const absl::CivilDay day,
                         base::LocalDay(occurrence, ZoneOf(schedule.start_text)));
  return OnWeekday(schedule, day) && !(schedule.skip_holidays && holidays.count(day) > 0);
}

absl::StatusOr<absl::Time> NextOccurrence(const Campaign& schedule, absl::Time after,
                                          const Holidays& holidays) {
  absl::Time moment = after;
  for (int i = 0; i < kScheduleHorizonDays; ++i) {
    KABAR_ASSIGN_OR_RETURN(moment, base::ParseLocalTime(schedule.start_text, moment));
    KABAR_ASSIGN_OR_RETURN(const bool is_one, IsOccurrence(schedule, moment, holidays));
    if (is_one) return moment;
  }
  return base::Error(
      absl::StatusCode::kFailedPrecondition, "NO_OCCURRENCE",
      absl::StrCat("within ", kScheduleHorizonDays,
                   " days there is no day on which it would run: look at weekdays and holidays"));
}

absl::StatusOr<absl::Time> EndOfOccurrence(const Campaign& schedule, absl::Time occurrence) {
  if (schedule.end_text.empty()) return occurrence + kDefaultRun;
  return base::ParseLocalTime(schedule.end_text, occurrence);
}

absl::Status ScheduleNext(Campaign& schedule, absl::Time after, const Holidays& holidays,
                          absl::Time now) {
  KABAR_ASSIGN_OR_RETURN(schedule.start_at, NextOccurrence(schedule, after, holidays));
  KABAR_ASSIGN_OR_RETURN(schedule.end_at, EndOfOccurrence(schedule, *schedule.start_at));
  KABAR_ASSIGN_OR_RETURN(const std::string start,
                         base::FormatLocalTime(*schedule.start_at, ZoneOf(schedule.start_text)));
  schedule.state = State::kScheduled;
  schedule.state_reason = absl::StrCat("runs next at ", start);
  schedule.updated_at = now;
  return absl::OkStatus();
}

absl::Status PauseSchedule(Campaign& schedule, absl::Time now) {
  if (schedule.state == State::kPaused) return absl::OkStatus();
  if (schedule.state != State::kScheduled) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
                       absl::StrCat("campaign ", schedule.id, " is ", Name(schedule.state),
                                    "; only a schedule that is SCHEDULED can be paused"));
  }
  schedule.state = State::kPaused;
  schedule.state_reason = "its schedule is paused; runs under way go on";
  schedule.updated_at = now;
  return absl::OkStatus();
}

absl::StatusOr<Campaign> RunOf(const Campaign& schedule, absl::Time occurrence, absl::Time now) {
  Campaign run;
  run.outlet_id = schedule.outlet_id;
  run.parent_id = schedule.id;
  run.occurrence_at = occurrence;
  KABAR_ASSIGN_OR_RETURN(const absl::CivilDay day,
                         base::LocalDay(occurrence, ZoneOf(schedule.start_text)));
  run.name = absl::StrCat(schedule.name, " ", absl::FormatCivilTime(day));
  run.template_id = schedule.template_id;
  run.segment_id = schedule.segment_id;
  run.subject = schedule.subject;
  run.purpose = schedule.purpose;
  run.sender_id = schedule.sender_id;
  run.rate = schedule.rate;
  run.batch_size = schedule.batch_size;
  run.max_attempts = schedule.max_attempts;
  run.start_text = schedule.start_text;
  run.end_text = schedule.end_text;
  run.unknown_policy = schedule.unknown_policy;
  run.max_data_age_hours = schedule.max_data_age_hours;
  run.created_at = run.updated_at = now;
  run.start_at = occurrence;
  KABAR_ASSIGN_OR_RETURN(run.end_at, EndOfOccurrence(schedule, occurrence));
  run.state = State::kScheduled;
  if (*run.end_at > now) return run;
  run.state = State::kMissed;
  run.finished_at = now;
  run.state_reason = absl::StrCat(
      "not started before its end: this service did not run, or could not reach its database, "
      "from ",
      absl::FormatTime("%Y-%m-%d %H:%M UTC", occurrence, absl::UTCTimeZone()), " to ",
      absl::FormatTime("%Y-%m-%d %H:%M UTC", *run.end_at, absl::UTCTimeZone()));
  return run;
}

}  // namespace kabar::campaigns
