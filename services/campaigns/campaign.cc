#include "services/campaigns/campaign.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/local_time.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/campaigns/schedule.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kDefaultRun = absl::Hours(24);
constexpr absl::Duration kAhead = absl::Seconds(60);
constexpr std::size_t kMaxName = 200;
constexpr std::int32_t kMaxDataAgeHours = 365 * 24;

absl::Status WrongState(const Campaign& c, absl::string_view verb, absl::string_view possible) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
                  absl::StrCat("campaign ", c.id, " is ", Name(c.state),
                               "; only a campaign that is ", possible, " can be ", verb)),
      "state", Name(c.state));
}

void Enter(Campaign& c, State state, absl::string_view reason, absl::Time now) {
  c.state = state;
  c.state_reason = std::string(reason);
  c.updated_at = now;
  if (c.ended()) c.finished_at = now;
}

void CheckTimes(Campaign& c, absl::Time now, absl::Status& faults) {
  c.start_at.reset();
  c.end_at.reset();
  if (!c.start_text.empty()) {
    const auto start = base::ParseLocalTime(c.start_text, now);
    if (start.ok()) {
      c.start_at = *start;
    } else {
      base::AddFieldViolation(faults, "campaign.start", start.status().message());
    }
  }
  if (c.end_text.empty()) return;
  const auto end = base::ParseLocalTime(c.end_text, c.start_at.value_or(now));
  if (!end.ok()) {
    base::AddFieldViolation(faults, "campaign.end", end.status().message());
  } else if (*end <= c.start_at.value_or(now)) {
    base::AddFieldViolation(faults, "campaign.end", "is not after the start");
  } else {
    c.end_at = *end;
  }
}

}  // namespace

absl::string_view Name(State state) {
  switch (state) {
    case State::kDraft:
      return "DRAFT";
    case State::kScheduled:
      return "SCHEDULED";
    case State::kRunning:
      return "RUNNING";
    case State::kPaused:
      return "PAUSED";
    case State::kCompleted:
      return "COMPLETED";
    case State::kCancelled:
      return "CANCELLED";
    case State::kFailed:
      return "FAILED";
    case State::kMissed:
      return "MISSED";
  }
  return "?";
}

bool Campaign::ended() const {
  return state == State::kCompleted || state == State::kCancelled || state == State::kFailed ||
         state == State::kMissed;
}

std::int64_t Campaign::not_expanded() const {
  return ended() ? std::max<std::int64_t>(0, asked.value_or(0) - cursor) : 0;
}

std::int64_t Progress::total() const {
  return std::accumulate(states.begin(), states.end(), std::int64_t{0});
}

absl::Status Check(Campaign& c, absl::Time now) {
  absl::Status faults;
  const auto require = [&](absl::string_view field, const std::string& value) {
    if (value.empty()) base::AddFieldViolation(faults, field, "is required");
  };
  require("campaign.name", c.name);
  require("campaign.template_id", c.template_id);
  require("campaign.segment_id", c.segment_id);
  require("campaign.sender_id", c.sender_id);
  if (c.name.size() > kMaxName) {
    base::AddFieldViolation(faults, "campaign.name", "is longer than 200 bytes");
  }
  if (const auto rate = base::ParseRate(c.rate); !rate.ok()) {
    base::AddFieldViolation(faults, "campaign.rate", rate.status().message());
  }
  if (c.batch_size == 0) c.batch_size = 100;
  if (c.batch_size < 1 || c.batch_size > 1000) {
    base::AddFieldViolation(faults, "campaign.batch_size", "must be from 1 to 1000");
  }
  if (c.max_attempts == 0) c.max_attempts = 3;
  if (c.max_attempts < 1 || c.max_attempts > 10) {
    base::AddFieldViolation(faults, "campaign.max_attempts", "must be from 1 to 10");
  }
  if (c.max_data_age_hours < 0 || c.max_data_age_hours > kMaxDataAgeHours) {
    base::AddFieldViolation(faults, "campaign.max_data_age_hours",
                            "must be from 0 (any age) to 8760");
  }
  if (c.recurs()) {
    CheckSchedule(c, faults);
  } else {
    CheckTimes(c, now, faults);
  }
  return faults;
}

absl::StatusOr<Campaign> AsPlanned(Campaign campaign, absl::Time now) {
  if (campaign.state != State::kDraft) return campaign;
  if (campaign.recurs()) {
    KABAR_RETURN_IF_ERROR(ScheduleNext(campaign, now, {}, now));
    return campaign;
  }
  if (campaign.start_text.empty()) {
    KABAR_RETURN_IF_ERROR(Start(campaign, now));
    campaign.run_id.clear();
  } else {
    KABAR_RETURN_IF_ERROR(Schedule(campaign, now));
  }
  return campaign;
}

absl::Status Schedule(Campaign& c, absl::Time now) {
  if (c.state == State::kScheduled) return absl::OkStatus();
  if (c.state != State::kDraft) return WrongState(c, "scheduled", "DRAFT");
  KABAR_RETURN_IF_ERROR(Check(c, now));
  if (!c.start_at) {
    return base::InvalidField("campaign.start",
                              "is empty: say when, e.g. \"08:00 Asia/Jakarta\", or start it now");
  }
  if (!c.end_at) c.end_at = *c.start_at + kDefaultRun;
  if (*c.end_at <= now) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "END_TIME_PASSED",
                       "the end time has passed already; nothing would be sent");
  }
  Enter(c, State::kScheduled,
        absl::StrCat("waits for its start at ",
                     absl::FormatTime("%Y-%m-%d %H:%M UTC", *c.start_at, absl::UTCTimeZone()), " (",
                     c.start_text, ")"),
        now);
  return absl::OkStatus();
}

absl::Status Start(Campaign& c, absl::Time now) {
  if (c.state == State::kRunning) return absl::OkStatus();
  if (c.recurs()) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "CAMPAIGN_RECURS",
                       absl::StrCat("campaign ", c.id,
                                    " recurs: schedule it; to send now make one without weekdays"));
  }
  if (c.state != State::kDraft && c.state != State::kScheduled) {
    return WrongState(c, "started", "DRAFT or SCHEDULED");
  }
  if (c.state == State::kDraft || *c.start_at > now) {
    c.start_at = now;  // now, whatever was planned
    if (!c.end_text.empty()) {
      KABAR_ASSIGN_OR_RETURN(c.end_at, base::ParseLocalTime(c.end_text, now));
    } else {
      c.end_at = now + kDefaultRun;
    }
  }
  if (c.end_at && *c.end_at <= now) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "END_TIME_PASSED",
                       "the end time has passed; change it to send later");
  }
  c.run_id = base::NewId("run");
  // The date is part of message ids and of the ledger's partitions, not of what people read: UTC
  // keeps it independent of the outlet's zone.
  c.run_day = absl::ToCivilDay(now, absl::UTCTimeZone());
  Enter(c, State::kRunning, "", now);
  return absl::OkStatus();
}

absl::Status Pause(Campaign& c, absl::string_view reason, absl::Time now) {
  if (c.state == State::kPaused) return absl::OkStatus();
  if (c.state != State::kRunning) return WrongState(c, "paused", "RUNNING");
  Enter(c, State::kPaused, reason, now);
  return absl::OkStatus();
}

absl::Status Resume(Campaign& c, absl::Time now) {
  if (c.state == State::kRunning) return absl::OkStatus();
  if (c.state != State::kPaused) return WrongState(c, "resumed", "PAUSED");
  Enter(c, State::kRunning, "", now);
  return absl::OkStatus();
}

absl::Status Cancel(Campaign& c, absl::Time now) {
  if (c.state == State::kCancelled) return absl::OkStatus();
  if (c.ended()) return WrongState(c, "cancelled", "not ended yet");
  Enter(c, State::kCancelled, "", now);
  return absl::OkStatus();
}

absl::Status CheckRetry(const Campaign& c, absl::Time now) {
  if (c.state != State::kRunning && c.state != State::kPaused && c.state != State::kCompleted) {
    return WrongState(c, "retried", "RUNNING, PAUSED or COMPLETED");
  }
  if (c.end_at && *c.end_at <= now) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "END_TIME_PASSED",
                       "the campaign's end time has passed; nothing of it is sent any more");
  }
  return absl::OkStatus();
}

absl::Status RetryFailed(Campaign& c, std::int64_t before, std::int64_t retried, absl::Time now) {
  KABAR_RETURN_IF_ERROR(CheckRetry(c, now));
  if (before + retried <= c.retried) return absl::OkStatus();
  c.retried = before + retried;
  if (c.state == State::kCompleted) {
    Enter(c, State::kRunning, "", now);
    c.finished_at.reset();
  }
  return absl::OkStatus();
}

void Complete(Campaign& c, absl::Time now) {
  // Why it was paused may matter afterwards; what a running one waited for has passed.
  const std::string reason = c.state == State::kPaused ? c.state_reason : "";
  Enter(c, State::kCompleted, reason, now);
}

void Fail(Campaign& c, absl::string_view reason, absl::Time now) {
  Enter(c, State::kFailed, reason, now);
}

bool RunIsOver(const Campaign& c, const Progress& p, absl::Time now) {
  if (!c.asked) return false;
  const bool past_end = c.end_at && *c.end_at <= now;
  // Past the end nothing is resent any more: what is UNKNOWN then waits for its webhook only.
  const std::int64_t open = p.open() - (past_end ? p.unknown() : 0);
  return (c.cursor >= *c.asked || past_end) && p.total() == c.cursor && p.retried == c.retried &&
         open == 0;
}

std::int64_t MessagesLeft(const Campaign& c, const Progress& p) {
  return std::max<std::int64_t>(0, *c.asked - (p.total() - p.queued()));
}

std::int64_t RoomAhead(const Campaign& c, const Progress& p, double rate_per_s) {
  const std::int64_t waiting = c.cursor - (p.total() - p.queued());
  const auto limit =
      static_cast<std::int64_t>(std::ceil(rate_per_s * absl::ToDoubleSeconds(kAhead)));
  return std::max<std::int64_t>(limit, c.batch_size) - waiting;
}

}  // namespace kabar::campaigns
