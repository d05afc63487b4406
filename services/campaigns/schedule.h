// When a campaign that recurs runs: on these days of the week at its hour, in its zone, not on
// holidays. Each time is a run of its own, a campaign made after the schedule's present settings.
//
// Thread safety: pure functions. Nothing blocks, but for the first use of a time zone. Errors:
// INVALID_ARGUMENT with field violations (CheckSchedule); FAILED_PRECONDITION (NO_OCCURRENCE) when
// no day of the next 400 is one.
#ifndef KABAR_SERVICES_CAMPAIGNS_SCHEDULE_H_
#define KABAR_SERVICES_CAMPAIGNS_SCHEDULE_H_

#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/campaigns/campaign.h"

namespace kabar::campaigns {

using Holidays = std::set<absl::CivilDay>;

inline constexpr int kScheduleHorizonDays = 400;

// Adds a violation for each field that does not suit a campaign that recurs.
void CheckSchedule(const Campaign& schedule, absl::Status& faults);

// The first occurrence after `after`.
absl::StatusOr<absl::Time> NextOccurrence(const Campaign& schedule, absl::Time after,
                                          const Holidays& holidays);
// Whether a moment that was an occurrence still is one, by weekday and holidays.
absl::StatusOr<bool> IsOccurrence(const Campaign& schedule, absl::Time occurrence,
                                  const Holidays& holidays);
// Nothing of its run is sent after it.
absl::StatusOr<absl::Time> EndOfOccurrence(const Campaign& schedule, absl::Time occurrence);

// DRAFT -> SCHEDULED, or PAUSED -> SCHEDULED: start_at and end_at are those of the next occurrence.
absl::Status ScheduleNext(Campaign& schedule, absl::Time after, const Holidays& holidays,
                          absl::Time now);
// The schedule itself: what runs already goes on.
absl::Status PauseSchedule(Campaign& schedule, absl::Time now);

// The run of an occurrence: SCHEDULED for it, or MISSED when its end has passed. Without an id.
absl::StatusOr<Campaign> RunOf(const Campaign& schedule, absl::Time occurrence, absl::Time now);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_SCHEDULE_H_
