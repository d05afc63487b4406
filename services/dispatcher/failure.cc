#include "services/dispatcher/failure.h"

#include "libs/base/backoff.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;

OutcomeAction ActionFor(ErrorAction action, bool free_text) {
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
    case ErrorAction::kFinalNoRetry24h:
      return OutcomeAction::kRest24h;
    case ErrorAction::kWindowClosed:
      return free_text ? OutcomeAction::kCloseWindow : OutcomeAction::kNone;
    case ErrorAction::kRetryBackoffSlowSender:
    case ErrorAction::kRetryRecipient:
    case ErrorAction::kFinal:
    case ErrorAction::kNotReachable:
    case ErrorAction::kRequestWrong:
    case ErrorAction::kAmbiguous:
      break;
  }
  return OutcomeAction::kNone;
}

}  // namespace

Judgement Judge(const whatsapp::ErrorDecision& decision, std::int32_t attempt, bool free_text,
                bool has_form, absl::Time now) {
  Judgement judgement{.costs_try = decision.costs_try,
                      .action = ActionFor(decision.action, free_text)};
  const auto again = [&](absl::Duration wait) {
    judgement.retry = true;
    judgement.not_before = now + wait;
  };
  switch (decision.action) {
    case ErrorAction::kRetryBackoffSlowSender:
      again(base::BackoffDelay({.initial = decision.first_wait,
                                .max = decision.longest_wait,
                                .floor = decision.first_wait / 2},
                               attempt));
      break;
    case ErrorAction::kRetryRecipient:
      // Who counts the refusals of the pair may know better (Queue::RefusePair).
      again(whatsapp::PairRetryDelay(attempt));
      break;
    case ErrorAction::kPauseSender:
    case ErrorAction::kStopSender:
    case ErrorAction::kStopAccount:
      // Nothing is wrong with the message; it waits for the number.
      judgement.costs_try = false;
      again(decision.first_wait);
      break;
    case ErrorAction::kWindowClosed:
      // The provider knows better than our ledger: the next try goes as a template.
      if (free_text && has_form) again(absl::ZeroDuration());
      break;
    case ErrorAction::kFinal:
    case ErrorAction::kOptOut:
    case ErrorAction::kNotReachable:
    case ErrorAction::kFinalNoRetry24h:
    case ErrorAction::kPauseCampaign:
    case ErrorAction::kEndCampaign:
    case ErrorAction::kRequestWrong:
    case ErrorAction::kAmbiguous:
      break;
  }
  return judgement;
}

}  // namespace kabar::dispatcher
