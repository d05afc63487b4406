#include "libs/whatsapp/error_policy.h"

#include <algorithm>

namespace kabar::whatsapp {
namespace {

// An action and what a rule has that does not say otherwise.
struct ActionRow {
  ErrorAction action;
  absl::string_view name;
  bool alert;
  bool fallback;
  bool costs_try;
  int first_wait_s;
  int longest_wait_s;
  absl::string_view advice;
};

constexpr ActionRow kActions[] = {
    {ErrorAction::kRetryBackoffSlowSender, "RETRY_BACKOFF_SLOW_SENDER", false, false, true, 2, 300,
     ""},
    {ErrorAction::kRetryRecipient, "RETRY_RECIPIENT", false, false, false, 4, 3600, ""},
    {ErrorAction::kPauseSender, "PAUSE_SENDER", true, false, false, 10, 10,
     "the number is paused; see its quality in WhatsApp Manager, then set it ACTIVE with "
     "UpdateSender"},
    {ErrorAction::kFinal, "FINAL", false, false, true, 0, 0,
     "look the code up on Meta's error page and add it to the error table"},
    {ErrorAction::kFinalNoRetry24h, "FINAL_NO_RETRY_24H", false, true, true, 0, 0, ""},
    {ErrorAction::kOptOut, "OPT_OUT", false, false, true, 0, 0, ""},
    {ErrorAction::kNotReachable, "NOT_REACHABLE", false, true, true, 0, 0, ""},
    {ErrorAction::kWindowClosed, "WINDOW_CLOSED", false, false, true, 0, 0, ""},
    {ErrorAction::kPauseCampaign, "PAUSE_CAMPAIGN", true, false, true, 0, 0,
     "the campaign is paused (an automatic message waits, the others go on); mend the provider "
     "template or the parameters, then resume the campaign and retry what failed"},
    {ErrorAction::kEndCampaign, "END_CAMPAIGN", true, false, true, 0, 0,
     "WhatsApp has paused or disabled the template: the campaign is paused (an automatic message "
     "waits, the others go on); choose another template, or cancel the campaign"},
    {ErrorAction::kStopSender, "STOP_SENDER", true, false, false, 10, 10,
     "the number is stopped; check access token, permissions and registration of the number, then "
     "set it ACTIVE with UpdateSender"},
    {ErrorAction::kStopAccount, "STOP_ACCOUNT", true, false, false, 10, 10,
     "all numbers of the portfolio are stopped; settle policy, payment or country in Meta Business "
     "Suite, then set them ACTIVE with UpdateSender"},
    {ErrorAction::kRequestWrong, "REQUEST_WRONG", true, false, true, 0, 0,
     "our request was wrong: tell the developers the code and the message's id"},
    {ErrorAction::kMediumWrong, "MEDIUM_WRONG", true, false, true, 0, 0,
     "WhatsApp cannot use the picture, video or document: upload another one under its name "
     "(kabarctl media upload), or mend its link; a campaign with an uploaded one is paused: resume "
     "it then and retry what failed"},
    {ErrorAction::kAmbiguous, "AMBIGUOUS", false, false, true, 0, 0, ""},
};

// Meta's page of error codes; those that whatsapp-cloud-api.md does not list are marked so.
struct BuiltInRow {
  int first, last;
  ErrorAction action;
  ErrorSignal signal = ErrorSignal::kNone;
  // As the action has it, unless set.
  int first_wait_s = -1;
  int longest_wait_s = -1;
  bool free_try = false;
};

constexpr ErrorAction kRetry = ErrorAction::kRetryBackoffSlowSender;
constexpr ErrorSignal kRate = ErrorSignal::kRate;
constexpr ErrorSignal kOutage = ErrorSignal::kOutage;

constexpr BuiltInRow kBuiltIn[] = {
    {1, 1, kRetry, kOutage},                       // "invalid request or possible server error"
    {2, 2, kRetry, kOutage, 5, 300, true},         // outage or overload at Meta
    {4, 4, kRetry, kRate, 30, 600, true},          // calls of the app, counted by the hour
    {80007, 80007, kRetry, kRate, 30, 600, true},  // calls of the account
    {130429, 130429, kRetry, kRate, 1, 60, true},  // throughput of the number
    {131000, 131000, kRetry, kOutage},             // "something went wrong": maybe by the message
    {131016, 131016, kRetry, kOutage, 5, 300, true},  // outage
    {131057, 131057, kRetry, kRate, 15, 120, true},   // being upgraded to 1,000/s, about a minute
    {133004, 133004, kRetry, kOutage, 5, 300, true},  // outage; not in the document
    {131056, 131056, ErrorAction::kRetryRecipient},   // pair rate
    {131048, 131048, ErrorAction::kPauseSender},      // taken for spam
    {131037, 131037, ErrorAction::kPauseSender},      // display name not approved; not listed
    {131049, 131049, ErrorAction::kFinalNoRetry24h},  // marketing a user
    {130472, 130472, ErrorAction::kFinalNoRetry24h},  // user is in an experiment
    {131050, 131050, ErrorAction::kOptOut},           // refuses marketing
    {131026, 131026, ErrorAction::kNotReachable},
    {131047, 131047, ErrorAction::kWindowClosed},
    {132000, 132001, ErrorAction::kPauseCampaign},  // parameter count; no such template
    {132005, 132005, ErrorAction::kPauseCampaign},  // expanded text too long
    {132007, 132007, ErrorAction::kPauseCampaign},  // character policy
    {132012, 132012, ErrorAction::kPauseCampaign},  // parameter format
    {132018, 132018, ErrorAction::kPauseCampaign},  // parameters of the template; not listed
    {132015, 132016, ErrorAction::kEndCampaign},    // template paused, disabled
    {0, 0, ErrorAction::kStopSender},               // token not accepted
    {3, 3, ErrorAction::kStopSender},
    {10, 10, ErrorAction::kStopSender},
    {33, 33, ErrorAction::kStopSender},           // the number was deleted; not listed
    {190, 190, ErrorAction::kStopSender},         // token expired
    {200, 299, ErrorAction::kStopSender},         // rights
    {131005, 131005, ErrorAction::kStopSender},   // rights; not listed
    {131045, 131045, ErrorAction::kStopSender},   // certificate of the number; not listed
    {133010, 133010, ErrorAction::kStopSender},   // number not registered
    {368, 368, ErrorAction::kStopAccount},        // policy violation
    {131031, 131031, ErrorAction::kStopAccount},  // locked
    {131042, 131042, ErrorAction::kStopAccount},  // payment
    {130497, 130497, ErrorAction::kStopAccount},  // country
    {100, 100, ErrorAction::kRequestWrong},
    {131008, 131009, ErrorAction::kRequestWrong},
    {131021, 131021, ErrorAction::kRequestWrong},  // to the number itself; not listed
    {131051, 131051, ErrorAction::kRequestWrong},
    {131052, 131052, ErrorAction::kRequestWrong},  // a customer's medium; not listed
    {131053, 131053, ErrorAction::kMediumWrong},   // our medium; not listed
};

// Of codes that stand nowhere.
constexpr BuiltInRow kBuiltInByStatus[] = {
    {401, 401, ErrorAction::kStopSender},
    {403, 403, ErrorAction::kPauseSender},
    {429, 429, kRetry, kRate, 15, 300, true},
};

ErrorDecision DecisionFor(const BuiltInRow& row, bool known) {
  ErrorDecision decision = DecisionFor(row.action, known);
  decision.signal = row.signal;
  if (row.first_wait_s >= 0) decision.first_wait = absl::Seconds(row.first_wait_s);
  if (row.longest_wait_s >= 0) decision.longest_wait = absl::Seconds(row.longest_wait_s);
  if (row.free_try) decision.costs_try = false;
  return decision;
}

}  // namespace

ErrorDecision DecisionFor(ErrorAction action, bool known) {
  for (const ActionRow& row : kActions) {
    if (row.action != action) continue;
    return {.action = action,
            .alert = row.alert,
            .fallback = row.fallback,
            .known = known,
            .signal = action == kRetry ? kRate : ErrorSignal::kNone,
            .first_wait = absl::Seconds(row.first_wait_s),
            .longest_wait = absl::Seconds(row.longest_wait_s),
            .costs_try = row.costs_try};
  }
  return {.known = known};
}

std::vector<absl::string_view> ErrorActionNames() {
  std::vector<absl::string_view> names;
  for (const ActionRow& row : kActions) names.push_back(row.name);
  return names;
}

absl::string_view ErrorSignalName(ErrorSignal signal) {
  switch (signal) {
    case ErrorSignal::kNone:
      return "NONE";
    case ErrorSignal::kRate:
      return "RATE";
    case ErrorSignal::kOutage:
      return "OUTAGE";
  }
  return "?";
}

absl::string_view ErrorActionAdvice(ErrorAction action) {
  for (const ActionRow& row : kActions) {
    if (row.action == action) return row.advice;
  }
  return "";
}

absl::string_view ErrorActionName(ErrorAction action) {
  for (const ActionRow& row : kActions) {
    if (row.action == action) return row.name;
  }
  return "?";
}

std::optional<ErrorAction> ParseErrorAction(absl::string_view name) {
  for (const ActionRow& row : kActions) {
    if (row.name == name) return row.action;
  }
  return std::nullopt;
}

const ErrorPolicy& ErrorPolicy::BuiltIn() {
  static const ErrorPolicy* const kPolicy = [] {
    auto* policy = new ErrorPolicy();
    for (const BuiltInRow& row : kBuiltIn) {
      policy->rules_.push_back({row.first, row.last, DecisionFor(row, true)});
    }
    for (const BuiltInRow& row : kBuiltInByStatus) {
      policy->by_status_.push_back({row.first, row.last, DecisionFor(row, false)});
      policy->by_status_.back().decision.alert = true;
    }
    policy->unknown_ = {.action = ErrorAction::kFinal, .alert = true};
    return policy;
  }();
  return *kPolicy;
}

ErrorDecision ErrorPolicy::For(int code, int http_status) const {
  for (const Rule& rule : rules_) {
    if (rule.first <= code && code <= rule.last) return rule.decision;
  }
  for (const Rule& rule : by_status_) {
    if (rule.first == http_status) return rule.decision;
  }
  return unknown_;
}

absl::Duration PairRetryDelay(int n) {
  constexpr int kEnough = 6;  // 4^6 s is over an hour
  const int exponent = std::clamp(n, 1, kEnough);
  return std::min(absl::Seconds(1 << (2 * exponent)), absl::Hours(1));
}

}  // namespace kabar::whatsapp
