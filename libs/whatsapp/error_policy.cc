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

struct ActionRow {
  ErrorAction action;
  absl::string_view name;
  bool alert;     // unless the rule says otherwise
  bool fallback;  // unless the rule says otherwise
};

constexpr ActionRow kActions[] = {
    {ErrorAction::kRetryBackoffSlowSender, "RETRY_BACKOFF_SLOW_SENDER", false, false},
    {ErrorAction::kRetryRecipient, "RETRY_RECIPIENT", false, false},
    {ErrorAction::kPauseSender, "PAUSE_SENDER", true, false},
    {ErrorAction::kFinal, "FINAL", false, false},
    {ErrorAction::kFinalNoRetry24h, "FINAL_NO_RETRY_24H", false, true},
    {ErrorAction::kOptOut, "OPT_OUT", false, false},
    {ErrorAction::kNotReachable, "NOT_REACHABLE", false, true},
    {ErrorAction::kWindowClosed, "WINDOW_CLOSED", false, false},
    {ErrorAction::kPauseCampaign, "PAUSE_CAMPAIGN", true, false},
    {ErrorAction::kEndCampaign, "END_CAMPAIGN", true, false},
    {ErrorAction::kStopSender, "STOP_SENDER", true, false},
    {ErrorAction::kStopAccount, "STOP_ACCOUNT", true, false},
    {ErrorAction::kRequestWrong, "REQUEST_WRONG", true, false},
    {ErrorAction::kAmbiguous, "AMBIGUOUS", false, false},
};

struct BuiltInRow {
  int first, last;
  ErrorAction action;
};

constexpr BuiltInRow kBuiltIn[] = {
    {1, 2, ErrorAction::kRetryBackoffSlowSender},            // unknown fault and outage at Meta
    {4, 4, ErrorAction::kRetryBackoffSlowSender},            // calls of the app
    {80007, 80007, ErrorAction::kRetryBackoffSlowSender},    // calls of the account
    {130429, 130429, ErrorAction::kRetryBackoffSlowSender},  // throughput of the number
    {131000, 131000, ErrorAction::kRetryBackoffSlowSender},  // "something went wrong"
    {131016, 131016, ErrorAction::kRetryBackoffSlowSender},  // outage
    {131057, 131057, ErrorAction::kRetryBackoffSlowSender},  // being upgraded to 1,000/s
    {131056, 131056, ErrorAction::kRetryRecipient},          // pair rate
    {131048, 131048, ErrorAction::kPauseSender},             // taken for spam
    {131049, 131049, ErrorAction::kFinalNoRetry24h},         // marketing a user
    {130472, 130472, ErrorAction::kFinalNoRetry24h},         // user is in an experiment
    {131050, 131050, ErrorAction::kOptOut},                  // refuses marketing
    {131026, 131026, ErrorAction::kNotReachable},
    {131047, 131047, ErrorAction::kWindowClosed},
    {132000, 132001, ErrorAction::kPauseCampaign},  // parameter count; no such template
    {132005, 132005, ErrorAction::kPauseCampaign},  // expanded text too long
    {132007, 132007, ErrorAction::kPauseCampaign},  // character policy
    {132012, 132012, ErrorAction::kPauseCampaign},  // parameter format
    {132015, 132016, ErrorAction::kEndCampaign},    // template paused, disabled
    {0, 0, ErrorAction::kStopSender},               // token not accepted
    {3, 3, ErrorAction::kStopSender},
    {10, 10, ErrorAction::kStopSender},
    {190, 190, ErrorAction::kStopSender},         // token expired
    {200, 299, ErrorAction::kStopSender},         // rights
    {133010, 133010, ErrorAction::kStopSender},   // number not registered
    {368, 368, ErrorAction::kStopAccount},        // policy violation
    {131031, 131031, ErrorAction::kStopAccount},  // locked
    {131042, 131042, ErrorAction::kStopAccount},  // payment
    {130497, 130497, ErrorAction::kStopAccount},  // country
    {100, 100, ErrorAction::kRequestWrong},
    {131008, 131009, ErrorAction::kRequestWrong},
    {131051, 131051, ErrorAction::kRequestWrong},
};

ErrorDecision DecisionFor(ErrorAction action, bool known) {
  for (const ActionRow& row : kActions) {
    if (row.action == action) {
      return {.action = action, .alert = row.alert, .fallback = row.fallback, .known = known};
    }
  }
  return {.known = known};
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

absl::StatusOr<bool> ReadFlag(const Json& object, const char* key, bool otherwise,
                              absl::string_view source, absl::string_view where) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  if (!found->is_boolean()) {
    return Fault(source, absl::StrCat(where, ".", key), "must be true or false");
  }
  return found->get<bool>();
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

}  // namespace

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
      policy->rules_.push_back({row.first, row.last, DecisionFor(row.action, true)});
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
  KABAR_RETURN_IF_ERROR(CheckKeys(root, {"rules", "unknown"}, source, "the whole"));

  ErrorPolicy policy = BuiltIn();
  std::vector<Rule> rules;
  const Json list = root.value("rules", Json::array());
  if (!list.is_array()) return Fault(source, "rules", "must be an array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = absl::StrCat("rules[", i, "]");
    if (!list[i].is_object()) return Fault(source, where, "must be an object");
    KABAR_RETURN_IF_ERROR(
        CheckKeys(list[i], {"codes", "action", "alert", "fallback", "note"}, source, where));
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
    KABAR_RETURN_IF_ERROR(
        CheckKeys(*unknown, {"action", "alert", "fallback", "note"}, source, "unknown"));
    KABAR_ASSIGN_OR_RETURN(policy.unknown_, ReadDecision(*unknown, false, source, "unknown"));
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

ErrorDecision ErrorPolicy::For(int code) const {
  for (const Rule& rule : rules_) {
    if (rule.first <= code && code <= rule.last) return rule.decision;
  }
  return unknown_;
}

absl::Duration PairRetryDelay(int attempt) {
  constexpr int kEnough = 6;  // 4^6 s is over an hour
  const int exponent = std::clamp(attempt, 1, kEnough);
  return std::min(absl::Seconds(1 << (2 * exponent)), absl::Hours(1));
}

}  // namespace kabar::whatsapp
