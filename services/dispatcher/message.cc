#include "services/dispatcher/message.h"

#include <algorithm>

#include "libs/base/defect.h"

namespace kabar::dispatcher {
namespace {

int Rank(AttemptState state) {
  switch (state) {
    case AttemptState::kStarted:
      return 0;
    case AttemptState::kAmbiguous:
      return 1;
    case AttemptState::kReturned:
      return 2;
    case AttemptState::kAccepted:
      return 3;
    case AttemptState::kFailed:
      return 4;
    case AttemptState::kDelivered:
      return 5;
    case AttemptState::kRead:
      return 6;
  }
  return 0;
}

}  // namespace

absl::string_view Name(MessageState state) {
  switch (state) {
    case MessageState::kNone:
      return "NONE";
    case MessageState::kQueued:
      return "QUEUED";
    case MessageState::kSending:
      return "SENDING";
    case MessageState::kSent:
      return "SENT";
    case MessageState::kDelivered:
      return "DELIVERED";
    case MessageState::kRead:
      return "READ";
    case MessageState::kFailed:
      return "FAILED";
    case MessageState::kUnknown:
      return "UNKNOWN";
    case MessageState::kCancelled:
      return "CANCELLED";
    case MessageState::kExpired:
      return "EXPIRED";
    case MessageState::kSuppressed:
      return "SUPPRESSED";
  }
  return "?";
}

absl::string_view Name(LaneState state) {
  switch (state) {
    case LaneState::kNone:
      return "NONE";
    case LaneState::kRunning:
      return "RUNNING";
    case LaneState::kPaused:
      return "PAUSED";
    case LaneState::kCancelled:
      return "CANCELLED";
    case LaneState::kExpired:
      return "EXPIRED";
    case LaneState::kClosed:
      return "CLOSED";
  }
  return "?";
}

absl::string_view Name(AttemptState state) {
  switch (state) {
    case AttemptState::kStarted:
      return "STARTED";
    case AttemptState::kReturned:
      return "RETURNED";
    case AttemptState::kAmbiguous:
      return "AMBIGUOUS";
    case AttemptState::kAccepted:
      return "ACCEPTED";
    case AttemptState::kFailed:
      return "FAILED";
    case AttemptState::kDelivered:
      return "DELIVERED";
    case AttemptState::kRead:
      return "READ";
  }
  return "?";
}

bool AttemptAdvances(AttemptState now, AttemptState then) {
  if (base::HasDefect("statuses-move-backwards")) return then != now;
  return Rank(then) > Rank(now);
}

bool IsOpen(MessageState state) {
  return state == MessageState::kQueued || state == MessageState::kSending ||
         state == MessageState::kUnknown;
}

MessageState QueuedIn(LaneState lane, bool past_end_time) {
  switch (lane) {
    case LaneState::kCancelled:
      return MessageState::kCancelled;
    case LaneState::kExpired:
      return MessageState::kExpired;
    case LaneState::kClosed:
      return MessageState::kFailed;
    case LaneState::kNone:
    case LaneState::kRunning:
    case LaneState::kPaused:
      break;
  }
  return past_end_time ? MessageState::kExpired : MessageState::kQueued;
}

MessageState DeriveState(MessageState now, std::int32_t current, std::int32_t changed,
                         const std::vector<AttemptRecord>& attempts, bool try_again) {
  bool read = false;
  bool delivered = false;
  bool accepted = false;
  const AttemptRecord* last = nullptr;
  for (const AttemptRecord& record : attempts) {
    read |= record.state == AttemptState::kRead;
    delivered |= record.state == AttemptState::kDelivered;
    accepted |= record.state == AttemptState::kAccepted;
    if (record.attempt == current) last = &record;
  }
  if (read) return MessageState::kRead;
  if (delivered) return MessageState::kDelivered;
  if (accepted) return MessageState::kSent;
  // No attempt stands any more. The current one decides; until its outcome is known nothing
  // changes.
  if (last == nullptr || (changed != current && now != MessageState::kSent)) return now;
  // Decided otherwise: by the lane, by an opt-out, by a person (FAILED, while the attempt was not).
  if (now == MessageState::kCancelled || now == MessageState::kExpired ||
      now == MessageState::kSuppressed || now == MessageState::kFailed) {
    return now;
  }
  switch (last->state) {
    case AttemptState::kAmbiguous:
      return MessageState::kUnknown;
    case AttemptState::kReturned:
      return MessageState::kQueued;
    case AttemptState::kFailed:
      return try_again ? MessageState::kQueued : MessageState::kFailed;
    case AttemptState::kStarted:
    case AttemptState::kAccepted:
    case AttemptState::kDelivered:
    case AttemptState::kRead:
      break;
  }
  return now;
}

}  // namespace kabar::dispatcher
