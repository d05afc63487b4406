#include "libs/whatsapp/error_policy.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::whatsapp {
namespace {

using Json = nlohmann::json;

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
     "the campaign is paused; mend its provider template or the parameters, then resume it and "
     "retry what failed"},
    {ErrorAction::kEndCampaign, "END_CAMPAIGN", true, false, true, 0, 0,
     "WhatsApp has paused or disabled the template: the campaign is paused; choose another "
     "template, or cancel it"},
    {ErrorAction::kStopSender, "STOP_SENDER", true, false, false, 10, 10,
     "the number is stopped; check access token, permissions and registration of the number, then "
     "set it ACTIVE with UpdateSender"},
    {ErrorAction::kStopAccount, "STOP_ACCOUNT", true, false, false, 10, 10,
     "all numbers of the portfolio are stopped; settle policy, payment or country in Meta Business "
     "Suite, then set them ACTIVE with UpdateSender"},
    {ErrorAction::kRequestWrong, "REQUEST_WRONG", true, false, true, 0, 0,
     "our request was wrong: tell the developers the code and the message's id"},
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
    {131052, 131053, ErrorAction::kRequestWrong},  // media; not listed
};

// Of codes that stand nowhere.
constexpr BuiltInRow kBuiltInByStatus[] = {
    {401, 401, ErrorAction::kStopSender},
    {403, 403, ErrorAction::kPauseSender},
    {429, 429, kRetry, kRate, 15, 300, true},
};

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

ErrorDecision DecisionFor(const BuiltInRow& row, bool known) {
  ErrorDecision decision = DecisionFor(row.action, known);
  decision.signal = row.signal;
  if (row.first_wait_s >= 0) decision.first_wait = absl::Seconds(row.first_wait_s);
  if (row.longest_wait_s >= 0) decision.longest_wait = absl::Seconds(row.longest_wait_s);
  if (row.free_try) decision.costs_try = false;
  return decision;
}

absl::Status Fault(absl::string_view source, absl::string_view where, absl::string_view what) {
  return base::Error(absl::StatusCode::kInvalidArgument, "ERROR_POLICY",
                     absl::StrCat("error table ", source, ": ", where, ": ", what));
}

absl::Status CheckKeys(const Json& object, std::initializer_list<absl::string_view> allowed,
                       absl::string_view source, absl::string_view where) {
  for (const auto& item : object.items()) {
    const absl::string_view key = item.key();
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      return Fault(
          source, where,
          absl::StrCat("unknown field \"", key, "\"; known are ", absl::StrJoin(allowed, ", ")));
    }
  }
  return absl::OkStatus();
}

// A decision's fields, and the one that says what it is for.
absl::Status CheckRuleKeys(const Json& object, absl::string_view of, absl::string_view source,
                           absl::string_view where) {
  return CheckKeys(object,
                   {of, "action", "alert", "fallback", "signal", "first_wait_s", "longest_wait_s",
                    "costs_try", "note"},
                   source, where);
}

absl::StatusOr<bool> ReadFlag(const Json& object, const char* key, bool otherwise,
                              absl::string_view source, absl::string_view where) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  if (!found->is_boolean()) {
    return Fault(source, absl::StrCat(where, ".", key), "must be true or false");
  }
  return found->get<bool>();
}

absl::StatusOr<absl::Duration> ReadSeconds(const Json& object, const char* key,
                                           absl::Duration otherwise, absl::string_view source,
                                           absl::string_view where) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  constexpr std::int64_t kDay = 86400;
  const std::int64_t seconds = found->is_number_integer() ? found->get<std::int64_t>() : -1;
  if (seconds < 0 || seconds > kDay) {
    return Fault(source, absl::StrCat(where, ".", key), "must be whole seconds, 0 to 86400");
  }
  return absl::Seconds(seconds);
}

absl::StatusOr<ErrorSignal> ReadSignal(const Json& object, ErrorSignal otherwise,
                                       absl::string_view source, absl::string_view where) {
  const auto found = object.find("signal");
  if (found == object.end()) return otherwise;
  for (const ErrorSignal signal : {ErrorSignal::kNone, kRate, kOutage}) {
    if (found->is_string() && found->get<std::string>() == ErrorSignalName(signal)) return signal;
  }
  return Fault(source, absl::StrCat(where, ".signal"), "must be \"NONE\", \"RATE\" or \"OUTAGE\"");
}

absl::StatusOr<ErrorDecision> ReadDecision(const Json& object, bool known, absl::string_view source,
                                           absl::string_view where) {
  const auto name = object.find("action");
  const std::string action_at = absl::StrCat(where, ".action");
  if (name == object.end() || !name->is_string()) {
    return Fault(source, action_at, "is missing; give one such as \"FINAL\"");
  }
  const auto action = ParseErrorAction(name->get<std::string>());
  if (!action) {
    std::vector<absl::string_view> names;
    for (const ActionRow& row : kActions) names.push_back(row.name);
    return Fault(source, action_at,
                 absl::StrCat("unknown action \"", name->get<std::string>(), "\"; known are ",
                              absl::StrJoin(names, ", ")));
  }
  ErrorDecision decision = DecisionFor(*action, known);
  KABAR_ASSIGN_OR_RETURN(decision.alert, ReadFlag(object, "alert", decision.alert, source, where));
  KABAR_ASSIGN_OR_RETURN(decision.fallback,
                         ReadFlag(object, "fallback", decision.fallback, source, where));
  KABAR_ASSIGN_OR_RETURN(decision.costs_try,
                         ReadFlag(object, "costs_try", decision.costs_try, source, where));
  KABAR_ASSIGN_OR_RETURN(decision.signal, ReadSignal(object, decision.signal, source, where));
  KABAR_ASSIGN_OR_RETURN(decision.first_wait,
                         ReadSeconds(object, "first_wait_s", decision.first_wait, source, where));
  KABAR_ASSIGN_OR_RETURN(decision.longest_wait, ReadSeconds(object, "longest_wait_s",
                                                            decision.longest_wait, source, where));
  return decision;
}

// "131049" or "200-299".
std::optional<std::pair<int, int>> ParseRange(absl::string_view text) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  int first = 0, last = 0;
  if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) ||
      !absl::SimpleAtoi(ends.back(), &last) || first < 0 || last < first) {
    return std::nullopt;
  }
  return std::pair(first, last);
}

absl::StatusOr<std::vector<std::pair<int, int>>> ReadCodes(const Json& rule,
                                                           absl::string_view source,
                                                           absl::string_view where) {
  const std::string codes_at = absl::StrCat(where, ".codes");
  const auto codes = rule.find("codes");
  std::string text;
  if (codes != rule.end() && codes->is_number_integer()) text = codes->dump();
  if (codes != rule.end() && codes->is_string()) text = codes->get<std::string>();
  if (text.empty()) {
    return Fault(source, codes_at, "is missing; write \"131049\", \"200-299\" or \"1, 2, 4\"");
  }
  std::vector<std::pair<int, int>> ranges;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const auto range = ParseRange(base::Trim(part));
    if (!range) {
      return Fault(source, codes_at,
                   absl::StrCat("\"", part, "\" is neither a code nor a range such as 200-299"));
    }
    ranges.push_back(*range);
  }
  return ranges;
}

absl::StatusOr<int> ReadStatus(const Json& rule, absl::string_view source,
                               absl::string_view where) {
  const auto status = rule.find("status");
  const bool whole = status != rule.end() && status->is_number_integer();
  const std::int64_t value = whole ? status->get<std::int64_t>() : 0;
  if (value < 400 || value > 499) {
    return Fault(source, absl::StrCat(where, ".status"), "must be an HTTP status, 400 to 499");
  }
  return static_cast<int>(value);
}

}  // namespace

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

absl::StatusOr<ErrorPolicy> ErrorPolicy::Parse(absl::string_view json, absl::string_view source) {
  Json root;
  try {
    root = Json::parse(json.begin(), json.end());
  } catch (const Json::parse_error& error) {  // its words hold line and column
    return Fault(source, "not JSON", error.what());
  }
  if (!root.is_object()) return Fault(source, "the whole", "must be an object with \"rules\"");
  KABAR_RETURN_IF_ERROR(
      CheckKeys(root, {"rules", "unknown", "unknown_by_status"}, source, "the whole"));

  ErrorPolicy policy = BuiltIn();
  std::vector<Rule> rules;
  const Json list = root.value("rules", Json::array());
  if (!list.is_array()) return Fault(source, "rules", "must be an array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = absl::StrCat("rules[", i, "]");
    if (!list[i].is_object()) return Fault(source, where, "must be an object");
    KABAR_RETURN_IF_ERROR(CheckRuleKeys(list[i], "codes", source, where));
    KABAR_ASSIGN_OR_RETURN(const auto ranges, ReadCodes(list[i], source, where));
    KABAR_ASSIGN_OR_RETURN(const ErrorDecision decision,
                           ReadDecision(list[i], true, source, where));
    for (const auto& [first, last] : ranges) {
      for (const Rule& other : rules) {
        if (first <= other.last && other.first <= last) {
          return Fault(source, where,
                       absl::StrCat("codes ", std::max(first, other.first), "-",
                                    std::min(last, other.last), " stand in two rules"));
        }
      }
      rules.push_back({first, last, decision});
    }
  }
  policy.rules_.insert(policy.rules_.begin(), rules.begin(), rules.end());
  if (const auto unknown = root.find("unknown"); unknown != root.end()) {
    if (!unknown->is_object()) return Fault(source, "unknown", "must be an object");
    KABAR_RETURN_IF_ERROR(CheckRuleKeys(*unknown, "note", source, "unknown"));
    KABAR_ASSIGN_OR_RETURN(policy.unknown_, ReadDecision(*unknown, false, source, "unknown"));
  }
  const Json by_status = root.value("unknown_by_status", Json::array());
  if (!by_status.is_array()) return Fault(source, "unknown_by_status", "must be an array");
  for (std::size_t i = 0; i < by_status.size(); ++i) {
    const std::string where = absl::StrCat("unknown_by_status[", i, "]");
    if (!by_status[i].is_object()) return Fault(source, where, "must be an object");
    KABAR_RETURN_IF_ERROR(CheckRuleKeys(by_status[i], "status", source, where));
    KABAR_ASSIGN_OR_RETURN(const int status, ReadStatus(by_status[i], source, where));
    KABAR_ASSIGN_OR_RETURN(const ErrorDecision decision,
                           ReadDecision(by_status[i], false, source, where));
    policy.by_status_.insert(policy.by_status_.begin(), {status, status, decision});
  }
  return policy;
}

absl::StatusOr<ErrorPolicy> ErrorPolicy::LoadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return base::Error(absl::StatusCode::kNotFound, "ERROR_POLICY",
                       absl::StrCat("error table ", path,
                                    ": cannot be opened; check the path and "
                                    "the rights, or leave it out to use the built-in table"));
  }
  std::ostringstream content;
  content << file.rdbuf();
  return Parse(content.str(), path);
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
