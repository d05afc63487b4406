#include "services/dispatcher/send_job.h"

#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/whatsapp/payload.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;
using whatsapp::SendOutcome;

constexpr int kTooManyRequests = 429;

whatsapp::Template ToTemplate(const ProviderForm& form) {
  whatsapp::Template t{.name = form.name, .language = form.language};
  for (const auto& parameter : form.parameters) {
    whatsapp::TemplateParameter p;
    p.text = parameter;
    t.body.push_back(std::move(p));
  }
  return t;
}

// A refusal proves that the provider did not take the attempt. What the number or the account is to
// blame for costs the message no try.
void Refused(const SendJob& job, const whatsapp::ErrorDecision& decision, absl::Time now,
             Outcome* outcome) {
  outcome->state = decision.costs_try ? AttemptState::kFailed : AttemptState::kReturned;
  const base::BackoffPolicy backoff = {.initial = decision.first_wait,
                                       .max = decision.longest_wait,
                                       .floor = decision.first_wait / 2};
  switch (decision.action) {
    case ErrorAction::kRetryBackoffSlowSender:
      outcome->retry = true;
      outcome->not_before = now + base::BackoffDelay(backoff, job.attempt);
      return;
    case ErrorAction::kRetryRecipient:
      // Who counts the refusals of the pair says how long (Queue::RefusePair).
      outcome->retry = true;
      outcome->not_before = now + whatsapp::PairRetryDelay(job.attempt);
      return;
    case ErrorAction::kPauseSender:
    case ErrorAction::kStopSender:
    case ErrorAction::kStopAccount:
      outcome->state = AttemptState::kReturned;
      outcome->not_before = now + decision.first_wait;
      return;
    case ErrorAction::kWindowClosed:
      // The provider knows better than our ledger: the next try goes as a template.
      outcome->state = AttemptState::kFailed;
      outcome->window_closed = job.free_text;
      outcome->retry = job.free_text && job.has_form;
      outcome->not_before = now;
      return;
    case ErrorAction::kFinalNoRetry24h:
      outcome->state = AttemptState::kFailed;
      outcome->rest_24h = true;
      return;
    case ErrorAction::kAmbiguous:
      outcome->state = AttemptState::kAmbiguous;
      return;
    case ErrorAction::kFinal:
    case ErrorAction::kOptOut:
    case ErrorAction::kNotReachable:
    case ErrorAction::kPauseCampaign:
    case ErrorAction::kEndCampaign:
    case ErrorAction::kRequestWrong:
      outcome->state = AttemptState::kFailed;
      return;
  }
}

OutcomeAction LedgerAction(ErrorAction action) {
  switch (action) {
    case ErrorAction::kPauseSender:
      return OutcomeAction::kPauseSender;
    case ErrorAction::kStopSender:
      return OutcomeAction::kStopSender;
    case ErrorAction::kStopAccount:
      return OutcomeAction::kStopPortfolio;
    case ErrorAction::kPauseCampaign:
    case ErrorAction::kEndCampaign:
      return OutcomeAction::kPauseLane;
    case ErrorAction::kOptOut:
      return OutcomeAction::kOptOut;
    default:
      return OutcomeAction::kNone;
  }
}

}  // namespace

absl::StatusOr<std::string> BuildBody(const StartedMessage& message, bool* free_text) {
  whatsapp::Message out;
  out.to.phone = std::string(absl::StripPrefix(message.phone, "+"));
  out.to.bsuid = message.bsuid;
  out.callback_data = base::FormatAttemptTag(message.id, message.attempt);
  *free_text = message.window_open && !message.text.empty();
  if (*free_text) {
    out.content = whatsapp::Text{.body = message.text};
  } else if (!message.form.empty()) {
    out.content = ToTemplate(message.form);
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
      Refused(job, decision, now, &outcome);
      outcome.action = LedgerAction(decision.action);
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
