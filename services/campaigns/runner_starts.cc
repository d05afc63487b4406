// How runs come to be: at their time, again and again for what recurs, with audience and lane.
#include <algorithm>
#include <optional>

#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/schedule.h"

namespace kabar::campaigns {

// At its time. A start that was missed through downtime happens late, but never past the end.
absl::Status Runner::Begin(const Campaign& taken) {
  if (taken.start_at && *taken.start_at > clock_.Now()) {
    return SaveStep(taken, *taken.start_at - clock_.Now(), [](Campaign&) {});
  }
  const absl::Time now = clock_.Now();
  const auto begin = [&](Campaign& c) {
    const absl::Status started = campaigns::Start(c, now);
    if (!started.ok()) Fail(c, base::GetReason(started), now);
  };
  return SaveStep(taken, absl::ZeroDuration(), begin);
}

// What is past is dealt with one after the other, so that each missed occurrence is recorded. With
// the schedule's row held, and one row an occurrence: whoever dies when, each has one run.
absl::Status Runner::Recur(const Campaign& taken) {
  const absl::Time now = clock_.Now();
  return store_.Write(taken.outlet_id, "Recur", Deadline(), [&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock(taken.id));
    if (c.state != State::kScheduled || !c.recurs()) return unit.Save(c, std::nullopt);
    const absl::Time from = std::min(now, *c.start_at);
    KABAR_ASSIGN_OR_RETURN(const Holidays holidays,
                           unit.ListHolidays(absl::ToCivilDay(from, absl::UTCTimeZone()) - 2));
    absl::Time after = now;
    if (*c.start_at <= now) {
      after = *c.start_at;
      KABAR_ASSIGN_OR_RETURN(const bool wanted, IsOccurrence(c, after, holidays));
      if (wanted) {
        KABAR_ASSIGN_OR_RETURN(Campaign run, RunOf(c, after, now));
        run.id = base::NewId("cmp");
        // What a person accepted yesterday and is still so needs nobody every morning.
        KABAR_ASSIGN_OR_RETURN(run.accepted_troubles, unit.AcceptedByLastRun(c.id));
        std::optional<absl::Time> due;
        if (!run.ended()) due = now;
        KABAR_ASSIGN_OR_RETURN(const bool made, unit.InsertRun(run, due));
        if (made) log::Info("run of a schedule", {{"run", run.id}, {"state", Name(run.state)}});
      }
    }
    KABAR_RETURN_IF_ERROR(ScheduleNext(c, after, holidays, now));
    return unit.Save(c, c.start_at);
  });
}

// Template version, audience, lane: each call repeats without effect.
absl::Status Runner::Open(const Campaign& taken) {
  Campaign c = taken;
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, peers_.GetTemplate(c, c.template_version));
  c.template_version = pinned.version;
  KABAR_ASSIGN_OR_RETURN(const AudienceView audience, peers_.CreateAudience(c, pinned));
  c.asked = audience.size;
  KABAR_RETURN_IF_ERROR(peers_.CreateLane(c));
  log::Info("run opened", {{"run_id", c.run_id}, {"asked", *c.asked}});
  std::optional<State> state;
  KABAR_RETURN_IF_ERROR(SaveStep(taken, absl::ZeroDuration(), [&](Campaign& now) {
    now.template_version = c.template_version;
    now.asked = c.asked;
    state = now.state;
  }));
  // Paused or cancelled while the lane did not exist yet: nothing is in it, and nothing comes in.
  if (state == State::kPaused) return peers_.PauseLane(c);
  if (state == State::kCancelled) return peers_.CancelLane(c);
  return absl::OkStatus();
}

}  // namespace kabar::campaigns
