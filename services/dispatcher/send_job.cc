#include "services/dispatcher/send_job.h"

#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/whatsapp/media.h"
#include "libs/whatsapp/payload.h"
#include "services/dispatcher/content.h"
#include "services/dispatcher/failure.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;
using whatsapp::SendOutcome;

constexpr int kTooManyRequests = 429;
constexpr absl::Duration kMediumWait = absl::Seconds(3);

// A refusal proves that the provider did not take the attempt: what is tried again and costs no try
// goes back as if it had not been sent.
void Refused(const SendJob& job, const whatsapp::ErrorDecision& decision, absl::Time now,
             Outcome* outcome) {
  const Judgement judgement = Judge(decision,
                                    {.attempt = job.attempt,
                                     .free_text = job.free_text,
                                     .has_form = job.has_form,
                                     .with_medium = !job.media_id.empty(),
                                     .of_campaign = job.of_campaign},
                                    now);
  outcome->state = decision.action == ErrorAction::kAmbiguous ? AttemptState::kAmbiguous
                   : judgement.retry && !judgement.costs_try  ? AttemptState::kReturned
                                                              : AttemptState::kFailed;
  outcome->retry = judgement.retry;
  outcome->render_again = judgement.render_again;
  outcome->not_before = judgement.not_before;
  outcome->action = judgement.action;
}

}  // namespace

absl::StatusOr<std::string> BuildBody(const StartedMessage& message, bool* free_text) {
  whatsapp::Message out;
  out.to.phone = std::string(absl::StripPrefix(message.phone, "+"));
  out.to.bsuid = message.bsuid;
  out.callback_data = base::FormatAttemptTag(message.id, message.attempt);
  *free_text = message.window_open && !message.text.empty() && !NeedsForm(message);
  if (*free_text) {
    out.content = FreeContent(message);
  } else if (!message.form.empty()) {
    out.content = FormContent(message);
  } else {
    return base::Error(absl::StatusCode::kFailedPrecondition, "WINDOW_CLOSED_NO_TEMPLATE",
                       "the customer has not written within 24 h and the text's branch names no "
                       "provider template");
  }
  KABAR_RETURN_IF_ERROR(whatsapp::ValidateMessage(out));
  return whatsapp::BuildSendBody(out);
}

Reaction React(const SendJob& job, const SendOutcome& result, const whatsapp::ErrorPolicy& policy,
               const base::BackoffPolicy& retry, absl::Time now) {
  Reaction reaction;
  Outcome& outcome = reaction.outcome;
  outcome.message_id = job.message_id;
  outcome.lane_id = job.lane_id;
  outcome.attempt = job.attempt;
  outcome.started_at = result.written_at;
  switch (result.kind) {
    case SendOutcome::Kind::kNotSent:
      outcome.state = AttemptState::kReturned;
      outcome.reason = result.gate_refused ? "TOO_LATE_FOR_SLOT" : "NOT_CONNECTED";
      outcome.not_before = result.gate_refused ? now : now + base::BackoffDelay(retry, 1);
      outcome.started_at = absl::InfinitePast();
      if (result.no_connection) reaction.word = SenderWord::kFailed;
      return reaction;
    case SendOutcome::Kind::kAccepted:
      outcome.state = AttemptState::kAccepted;
      outcome.provider_id = result.wamid;
      reaction.word = SenderWord::kWell;
      return reaction;
    case SendOutcome::Kind::kAmbiguous:
      outcome.state = AttemptState::kAmbiguous;
      outcome.reason = "NO_ANSWER";
      // Cut off by our own stop, it says nothing of the number.
      reaction.word = result.stopped ? SenderWord::kNone : SenderWord::kFailed;
      reaction.slow = result.http_status == kTooManyRequests;
      return reaction;
    case SendOutcome::Kind::kRejected: {
      const whatsapp::ErrorDecision decision = policy.For(result.error.code, result.http_status);
      outcome.reason = absl::StrCat("GRAPH_", result.error.code);
      if (!job.media_id.empty() && whatsapp::IsUnknownMedium(result.error)) {
        // Ended, or deleted there: the message waits for a new one.
        outcome.state = AttemptState::kFailed;
        outcome.retry = true;
        outcome.not_before = now + kMediumWait;
        outcome.lost_media_id = job.media_id;
        reaction.word = SenderWord::kWell;
        return reaction;
      }
      Refused(job, decision, now, &outcome);
      reaction.action = decision.action;
      reaction.alert = decision.alert;
      reaction.slow = decision.signal == whatsapp::ErrorSignal::kRate;
      reaction.word = decision.signal == whatsapp::ErrorSignal::kOutage ? SenderWord::kFailed
                                                                        : SenderWord::kWell;
      return reaction;
    }
  }
  return reaction;
}

}  // namespace kabar::dispatcher
