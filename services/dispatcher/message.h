// The message and its state machine: knows neither proto nor SQL nor Redis.
//
//   QUEUED -> SENDING -> SENT -> DELIVERED -> READ
//   SENDING -> QUEUED     unsent (certainly no byte written) or to be tried again (error table)
//   SENDING -> UNKNOWN    nobody knows whether the provider took the attempt
//   UNKNOWN -> QUEUED     `resend` policy, on evidence only; or by a person's decision
//   UNKNOWN -> FAILED     by a person's decision
//   SENDING | SENT -> FAILED, and DELIVERED beats FAILED in any order
//   QUEUED -> CANCELLED | EXPIRED | SUPPRESSED
//
// Thread safety: values and pure functions. Nothing blocks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/dispatcher/parts.h"

namespace kabar::dispatcher {

// The numbers are stored in the ledger: never renumber. Equal to kabar.events.v1.MessageState.
enum class MessageState : std::int16_t {
  kNone = 0,
  kQueued = 1,
  kSending = 2,
  kSent = 3,
  kDelivered = 4,
  kRead = 5,
  kFailed = 6,
  kUnknown = 7,
  kCancelled = 8,
  kExpired = 9,
  kSuppressed = 10,
};

// Equal to kabar.events.v1.LaneState.
enum class LaneState : std::int16_t {
  kNone = 0,
  kRunning = 1,
  kPaused = 2,
  kCancelled = 3,
  kExpired = 4,
  kClosed = 5,
};

absl::string_view Name(MessageState state);
absl::string_view Name(LaneState state);

// What the provider said of one attempt, weakest first. kReturned: certainly not written.
enum class AttemptState : std::int16_t {
  kStarted = 0,
  kReturned = 1,
  kAmbiguous = 2,
  kAccepted = 3,  // 200 with a provider id, or a webhook `sent`
  kFailed = 4,    // Graph error, or a webhook `failed`
  kDelivered = 5,
  kRead = 6,
};

absl::string_view Name(AttemptState state);

// True if an attempt in `now` moves to `then`: only forward, and DELIVERED/READ beat FAILED. By
// what is known: started < ambiguous < returned < accepted < failed < delivered < read (that no
// byte was written is more than nobody knows).
bool AttemptAdvances(AttemptState now, AttemptState then);

struct AttemptRecord {
  std::int32_t attempt = 0;
  AttemptState state = AttemptState::kStarted;
};

// The state of a message that is in `now`, at attempt `current`, after its attempt `changed` has
// moved; `attempts` are all on record, the change included. What any attempt reached counts;
// without that the current attempt decides. `try_again`: a failed one goes back to the queue.
MessageState DeriveState(MessageState now, std::int32_t current, std::int32_t changed,
                         const std::vector<AttemptRecord>& attempts, bool try_again);

// What QUEUED means in a lane: the lane's own final state once it has one (a CLOSED lane sends
// nothing more: FAILED, so that a person may retry).
MessageState QueuedIn(LaneState lane, bool past_end_time);

// Final: nothing changes it any more but the provider's word on an attempt.
bool IsOpen(MessageState state);  // QUEUED, SENDING or UNKNOWN

// A provider template with its parameters in order.
struct ProviderForm {
  std::string name = {};
  std::string language = {};
  std::vector<std::string> parameters = {};
  std::vector<std::string> parameter_names = {};    // empty, or as many: they are named
  std::vector<std::string> header_parameters = {};  // of a header that is a text
  // By the button's place: what follows the address of a link, what a tap on a quick reply means.
  std::map<std::int32_t, std::string> links = {};
  std::map<std::int32_t, std::string> replies = {};
  bool with_header = false;  // it takes the header of the message's parts

  bool empty() const { return name.empty(); }
  bool has_rest() const {
    return with_header || !parameter_names.empty() || !header_parameters.empty() ||
           !links.empty() || !replies.empty();
  }
};

// What Enqueue brings, validated.
struct NewMessage {
  std::string id = {};  // base::MakeMessageId
  std::int64_t ordinal = 0;
  std::string contact_id = {};
  std::string subject = {};
  std::string phone = {};  // E.164 with '+', or empty
  std::string bsuid = {};  // or empty
  std::string text = {};
  ProviderForm form = {};
  Parts parts = {};
  absl::Time rendered_at = {};
  MessageState refusal = MessageState::kNone;  // kFailed or kSuppressed: recorded, never sent
  std::string reason = {};
};

// A message whose right to send this worker holds: returned by Store::StartAttempts.
struct StartedMessage {
  std::string id = {};
  std::int32_t attempt = 0;
  std::int64_t recipient_id = 0;
  std::string phone = {};
  std::string bsuid = {};
  std::string text = {};
  ProviderForm form = {};
  Parts parts = {};
  bool window_open = false;   // the customer wrote to this number within the last 24 h
  std::string media_id = {};  // of the medium that its header names, at WhatsApp; empty: none
};

// What a refusal asks for beyond its message.
enum class OutcomeAction {
  kNone,
  kPauseSender,
  kStopSender,
  kStopPortfolio,  // every sender of the sender's portfolio
  kPauseLane,
  kOptOut,       // of marketing
  kRest24h,      // nothing more to this recipient for 24 h
  kCloseWindow,  // the provider says that it is closed, whatever we thought
};

// QUEUED, with a text that is too old to be sent.
struct StaleMessage {
  std::string id;
  std::int64_t ordinal = 0;
  std::string contact_id;
  std::string subject;
  std::int64_t seq = 0;  // with the id's day: where it stands in its lane
};

// Behind which message of its lane a list goes on; none: from the first.
struct LanePlace {
  std::string day = {};  // 2026-11-22
  std::int64_t seq = 0;
};

// How an attempt ended, as the worker saw it.
struct Outcome {
  std::string message_id = {};
  std::string lane_id = {};  // the message's; empty: not known
  std::int32_t attempt = 0;
  // The name of a claim whose commit is in doubt, instead of `attempt`: the attempt that the claim
  // started; nothing if it was not committed or did not get the message.
  std::string claim = {};
  AttemptState state = AttemptState::kAmbiguous;
  std::string provider_id = {};  // kAccepted
  std::string reason = {};       // GRAPH_131026, TIMEOUT, WINDOW_CLOSED, ...
  bool retry = false;            // kFailed: QUEUED again at `not_before`, while tries are left
  bool render_again = false;     // then not before it has a new text
  OutcomeAction action = OutcomeAction::kNone;
  std::string lost_media_id = {};  // WhatsApp does not know it any more: to be uploaded anew
  absl::Time not_before = absl::InfinitePast();
  absl::Time started_at = absl::InfinitePast();  // when the bytes were written; past: never
};

}  // namespace kabar::dispatcher
