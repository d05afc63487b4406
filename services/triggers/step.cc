#include "services/triggers/step.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"

namespace kabar::triggers {
namespace {

// Shorter than any day of the ledger is kept (the dispatcher's --message-retention).
constexpr absl::Duration kLongAhead = absl::Hours(30 * 24);

constexpr base::BackoffPolicy kRetry{.initial = absl::Seconds(1),
                                     .max = absl::Seconds(30),
                                     .multiplier = 2.0,
                                     .floor = absl::Milliseconds(250)};

// There may be many, for hours.
constexpr base::BackoffPolicy kHeld{.initial = absl::Seconds(10),
                                    .max = absl::Minutes(5),
                                    .multiplier = 2.0,
                                    .floor = absl::Seconds(5)};

}  // namespace

bool StepWork::held() const { return absl::StartsWith(reason, "PROVIDER_TEMPLATE_"); }

StepChange Conclude(const StepWork& step, const StepResult& result, absl::Time now,
                    const base::RandomSource& random) {
  StepChange change{.outlet_id = step.outlet_id,
                    .id = step.id,
                    .lease = step.lease,
                    .reason = result.reason,
                    .ready_at = now};
  switch (result.kind) {
    case StepResult::Kind::kHandedOver:
      change.state = StepState::kHandedOver;
      break;
    case StepResult::Kind::kRefused:
      change.state = StepState::kRefused;
      break;
    case StepResult::Kind::kHeld:
      change.ready_at = now + base::BackoffDelay(kHeld, step.tries, random);
      break;
    case StepResult::Kind::kRetry:
      change.ready_at = now + base::BackoffDelay(kRetry, step.tries, random);
      break;
  }
  return change;
}

bool IsPermanent(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

StepResult ResultOf(const absl::Status& failure) {
  return {.kind = IsPermanent(failure) ? StepResult::Kind::kRefused : StepResult::Kind::kRetry,
          .reason = ReasonOf(failure)};
}

std::string ReasonOf(const absl::Status& failure) {
  std::string reason = base::GetReason(failure);
  return reason.empty() ? absl::StatusCodeToString(failure.code()) : reason;
}

std::string StepId(absl::string_view outlet, absl::string_view event_id,
                   absl::string_view automation_id) {
  return base::DerivedId("stp", {outlet, event_id, automation_id});
}

std::string MessageIdOf(const StepWork& step, absl::string_view contact_id) {
  // What was planned long ahead belongs to the day on which it is due: the day on which it was
  // published may have been deleted from the ledger by then.
  const bool soon = step.due_time - step.published_at < kLongAhead;
  return base::MakeMessageId(
      absl::ToCivilDay(soon ? step.published_at : step.due_time, absl::UTCTimeZone()),
      absl::StrCat(step.outlet_id, "\n", step.event_id), 0, step.automation_id, contact_id,
      SubjectOf(step.variables));
}

std::string LaneIdOf(absl::string_view outlet, absl::string_view sender_id) {
  // The length, because both may hold any separator: (a-b, c) and (a, b-c) are two lanes.
  return absl::StrCat("trg-", outlet.size(), "-", outlet, "-", sender_id);
}

}  // namespace kabar::triggers
