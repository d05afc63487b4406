#include "services/dispatcher/failure.h"

#include "libs/base/backoff.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;

// A provider template that WhatsApp does not take: long enough that templates has heard of it (a
// webhook, or its look at the account every five minutes) and the message is held back until it is
// well again. What is nothing that templates can hear of has used up its tries soon.
constexpr absl::Duration kFormWait = absl::Minutes(7);

OutcomeAction ActionFor(ErrorAction action, const FailedTry& tried) {
  switch (action) {
    case ErrorAction::kPauseSender:
      return OutcomeAction::kPauseSender;
    case ErrorAction::kStopSender:
      return OutcomeAction::kStopSender;
    case ErrorAction::kStopAccount:
      return OutcomeAction::kStopPortfolio;
    case ErrorAction::kPauseCampaign:
    case ErrorAction::kEndCampaign:
      return tried.of_campaign ? OutcomeAction::kPauseLane : OutcomeAction::kNone;
    case ErrorAction::kOptOut:
      return OutcomeAction::kOptOut;
    case ErrorAction::kFinalNoRetry24h:
      return OutcomeAction::kRest24h;
    case ErrorAction::kWindowClosed:
      return tried.free_text ? OutcomeAction::kCloseWindow : OutcomeAction::kNone;
    case ErrorAction::kMediumWrong:
      return tried.of_campaign && tried.with_medium ? OutcomeAction::kPauseLane
                                                    : OutcomeAction::kNone;
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

Judgement Judge(const whatsapp::ErrorDecision& decision, const FailedTry& tried, absl::Time now) {
  Judgement judgement{.costs_try = decision.costs_try, .action = ActionFor(decision.action, tried)};
  const auto again = [&](absl::Duration wait) {
    judgement.retry = true;
    judgement.not_before = now + wait;
  };
  switch (decision.action) {
    case ErrorAction::kRetryBackoffSlowSender:
      again(base::BackoffDelay({.initial = decision.first_wait,
                                .max = decision.longest_wait,
                                .floor = decision.first_wait / 2},
                               tried.attempt));
      break;
    case ErrorAction::kRetryRecipient:
      // Who counts the refusals of the pair may know better (Queue::RefusePair).
      again(whatsapp::PairRetryDelay(tried.attempt));
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
      if (tried.free_text && tried.has_form) again(absl::ZeroDuration());
      break;
    case ErrorAction::kFinal:
    case ErrorAction::kOptOut:
    case ErrorAction::kNotReachable:
    case ErrorAction::kFinalNoRetry24h:
    case ErrorAction::kRequestWrong:
    case ErrorAction::kMediumWrong:
    case ErrorAction::kAmbiguous:
      break;
    case ErrorAction::kPauseCampaign:
    case ErrorAction::kEndCampaign:
      if (tried.of_campaign) break;
      judgement.render_again = true;
      again(kFormWait);
      break;
  }
  return judgement;
}

}  // namespace kabar::dispatcher
