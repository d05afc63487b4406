// One message on its way: what to send, in which slot, until when it may start; and how its result
// becomes an outcome for the ledger. Pure: no thread, no network.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/backoff.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/send_result.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

// What a request needs of its sender; the token is opened, so never logged.
struct SenderCredentials {
  std::string phone_number_id;
  std::string access_token;
};

struct SendJob {
  std::string portfolio_id;
  std::string lane_id;
  std::string sender_id;
  std::shared_ptr<const SenderCredentials> sender;
  std::string message_id;
  std::int32_t attempt = 0;
  std::int64_t recipient_id = 0;
  std::string body;        // the request, made before its slot comes
  bool free_text = false;  // sent as free text, inside the window
  bool has_form = false;   // a provider template could go instead
  bool of_campaign = true;
  std::string media_id;  // that it goes with
  ClaimedEntry slot;
  std::int64_t start_until_us = 0;  // BOOTTIME: compare-and-set sent + hold
  std::optional<absl::Time> end_time;
  std::int64_t asked_us = 0;    // BOOTTIME: just before Redis was asked for its claim
  std::int64_t claimed_us = 0;  // BOOTTIME: compare-and-set sent
  bool probe = false;           // of a number whose circuit is open (Claim::probe)
  int reslots = 0;
  bool started = false;  // the gate let it through

  // From the gate to the wire, on a busy machine too.
  static constexpr absl::Duration kToTheWire = absl::Milliseconds(10);

  // The last word before the bytes: still in the slot, within the hold, on the wire before the end
  // time.
  bool MayStart(std::int64_t boottime_us, absl::Time now) const {
    return boottime_us <= slot.start_not_after_us && boottime_us <= start_until_us &&
           (!end_time || now + kToTheWire < *end_time);
  }
};

// The request's body; a named fault when neither form can go or the content breaks a limit.
absl::StatusOr<std::string> BuildBody(const StartedMessage& message, bool* free_text);

// What a result says of the number: nothing (not sent), that it works, or that the provider gives
// no answer, has trouble of his own or cannot be reached.
enum class SenderWord { kNone, kWell, kFailed };

// What a result asks for besides its outcome. What concerns the ledger is in the outcome itself.
struct Reaction {
  Outcome outcome;
  whatsapp::ErrorAction action = whatsapp::ErrorAction::kFinal;  // for kRejected
  bool alert = false;
  bool slow = false;  // the number sends too much
  SenderWord word = SenderWord::kNone;
};

// `retry`: for what could not be written.
Reaction React(const SendJob& job, const whatsapp::SendOutcome& result,
               const whatsapp::ErrorPolicy& policy, const base::BackoffPolicy& retry,
               absl::Time now);

}  // namespace kabar::dispatcher
