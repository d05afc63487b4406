// The error table's file.
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
#include "libs/whatsapp/error_policy.h"

namespace kabar::whatsapp {
namespace {

using Json = nlohmann::json;

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
  for (const ErrorSignal signal : {ErrorSignal::kNone, ErrorSignal::kRate, ErrorSignal::kOutage}) {
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
    return Fault(source, action_at,
                 absl::StrCat("unknown action \"", name->get<std::string>(), "\"; known are ",
                              absl::StrJoin(ErrorActionNames(), ", ")));
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

}  // namespace kabar::whatsapp
