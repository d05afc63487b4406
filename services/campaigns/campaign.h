// A campaign and its state machine: knows neither proto nor SQL.
//
//   DRAFT -> SCHEDULED -> RUNNING <-> PAUSED -> COMPLETED | CANCELLED | FAILED
//   COMPLETED -> RUNNING   retry-failed
// A campaign that recurs is a schedule: DRAFT -> SCHEDULED <-> PAUSED -> CANCELLED (schedule.h);
// each of its runs is a campaign of its own, born SCHEDULED or MISSED.
//
// Thread safety: values and pure functions. Nothing blocks. Errors: FAILED_PRECONDITION
// (WRONG_CAMPAIGN_STATE, names the state and what is possible in it; END_TIME_PASSED),
// INVALID_ARGUMENT with a violation for each wrong field.
#ifndef KABAR_SERVICES_CAMPAIGNS_CAMPAIGN_H_
#define KABAR_SERVICES_CAMPAIGNS_CAMPAIGN_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace kabar::campaigns {

// Numbers as in kabar.campaigns.v1.CampaignState; stored: never renumber.
enum class State : std::int16_t {
  kDraft = 1,
  kScheduled = 2,
  kRunning = 3,
  kPaused = 4,
  kCompleted = 5,
  kCancelled = 6,
  kFailed = 7,
  kMissed = 8,
};
absl::string_view Name(State state);

struct Campaign {
  std::string outlet_id;
  std::string id;
  std::string name;
  std::string template_id;
  std::int32_t template_version = 0;
  std::string segment_id;
  int subject = 2;  // kabar.contacts.v1.AudienceSubject
  int purpose = 1;  // kabar.contacts.v1.ConsentPurpose
  std::string sender_id;
  std::string rate;
  std::int32_t batch_size = 100;
  std::int32_t max_attempts = 3;
  std::string start_text;
  std::string end_text;
  int unknown_policy = 1;               // kabar.campaigns.v1.UnknownPolicy
  std::int32_t max_data_age_hours = 0;  // of shipments; 0: any
  int weekdays = 0;                     // bit 0: Mondays; 0: it does not recur
  bool skip_holidays = false;

  State state = State::kDraft;
  std::string state_reason;
  std::string run_id;
  std::optional<absl::CivilDay> run_day;
  std::optional<absl::Time> start_at;
  std::optional<absl::Time> end_at;
  std::optional<std::int64_t> asked;
  std::int64_t cursor = 0;
  bool finished = false;
  std::int64_t retried = 0;
  std::string parent_id;  // of a run: the campaign that recurs
  std::optional<absl::Time> occurrence_at;
  // What is known against its provider templates and was accepted when it was resumed, a line each;
  // anything else stops it (troubles.h).
  std::string accepted_troubles;
  absl::Time created_at;
  absl::Time updated_at;
  std::optional<absl::Time> finished_at;

  // Of a run that has ended: never handed to the dispatcher.
  std::int64_t not_expanded() const;
  bool ended() const;
  bool recurs() const { return weekdays != 0; }
};

// Present states of a run as the events told; element 0 is QUEUED, as in MessageState less one.
struct Progress {
  std::array<std::int64_t, 10> states{};
  std::int64_t retried = 0;

  std::int64_t total() const;
  std::int64_t queued() const { return states[0]; }
  // QUEUED, SENDING and UNKNOWN: not the last word yet.
  std::int64_t open() const { return states[0] + states[1] + unknown(); }
  std::int64_t unknown() const { return states[6]; }
};

// All of a new or changed campaign's own fields, every fault at once; fills in the defaults.
absl::Status Check(Campaign& campaign, absl::Time now);

// The campaign as it would run: a draft from its own start time on, else from now.
absl::StatusOr<Campaign> AsPlanned(Campaign campaign, absl::Time now);

// Transitions; each refuses the wrong state. `now` stamps.
absl::Status Schedule(Campaign& campaign, absl::Time now);
absl::Status Start(Campaign& campaign, absl::Time now);
absl::Status Pause(Campaign& campaign, absl::string_view reason, absl::Time now);
absl::Status Resume(Campaign& campaign, absl::Time now);
absl::Status Cancel(Campaign& campaign, absl::Time now);
// `retried` messages went back, beyond the `before` that were known when it was asked for first.
absl::Status RetryFailed(Campaign& campaign, std::int64_t before, std::int64_t retried,
                         absl::Time now);
// What a retry needs before the dispatcher is asked.
absl::Status CheckRetry(const Campaign& campaign, absl::Time now);
void Complete(Campaign& campaign, absl::Time now);
void Fail(Campaign& campaign, absl::string_view reason, absl::Time now);

// True when every message of the run has its last word and the events have told all of it.
bool RunIsOver(const Campaign& campaign, const Progress& progress, absl::Time now);

// Of a run that has been opened: queued or not handed over yet.
std::int64_t MessagesLeft(const Campaign& campaign, const Progress& progress);

// How many more messages may be handed over now: the run is at most 60 s of its rate ahead, so that
// a text is of this minute and memory does not grow with the audience.
std::int64_t RoomAhead(const Campaign& campaign, const Progress& progress, double rate_per_s);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_CAMPAIGN_H_
