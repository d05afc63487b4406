#include "libs/whatsapp/error_policy.h"

#include <catch2/catch.hpp>

#include "libs/testing/status_matchers.h"
#include "libs/testing/temp_dir.h"

namespace kabar::whatsapp {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST_CASE("ErrorPolicy: the built-in table says what the provider's page says", "[whatsapp]") {
  struct Row {
    std::vector<int> codes;
    ErrorAction action;
    bool alert, fallback;
  };
  const Row rows[] = {
      {{1, 2, 4, 80007, 130429, 131000, 131016, 131057},
       ErrorAction::kRetryBackoffSlowSender,
       false,
       false},
      {{131056}, ErrorAction::kRetryRecipient, false, false},
      {{131048}, ErrorAction::kPauseSender, true, false},
      {{131049, 130472}, ErrorAction::kFinalNoRetry24h, false, true},
      {{131050}, ErrorAction::kOptOut, false, false},
      {{131026}, ErrorAction::kNotReachable, false, true},
      {{131047}, ErrorAction::kWindowClosed, false, false},
      {{132000, 132001, 132005, 132007, 132012}, ErrorAction::kPauseCampaign, true, false},
      {{132015, 132016}, ErrorAction::kEndCampaign, true, false},
      {{0, 3, 10, 190, 200, 250, 299, 133010}, ErrorAction::kStopSender, true, false},
      {{368, 131031, 131042, 130497}, ErrorAction::kStopAccount, true, false},
      {{100, 131008, 131009, 131021, 131051, 131052}, ErrorAction::kRequestWrong, true, false},
      {{131053}, ErrorAction::kMediumWrong, true, false},
  };
  for (const Row& row : rows) {
    for (const int code : row.codes) {
      CAPTURE(code);
      const ErrorDecision decision = ErrorPolicy::BuiltIn().For(code);
      CHECK(decision.known);
      CHECK(ErrorActionName(decision.action) == ErrorActionName(row.action));
      CHECK(decision.alert == row.alert);
      CHECK(decision.fallback == row.fallback);
      const bool retry = row.action == ErrorAction::kRetryBackoffSlowSender;
      CHECK((decision.signal != ErrorSignal::kNone) == retry);
      if (retry) CHECK(decision.longest_wait > decision.first_wait);
      if (retry) CHECK(decision.first_wait > absl::ZeroDuration());
      if (decision.alert) CHECK_FALSE(ErrorActionAdvice(decision.action).empty());
    }
  }
}

TEST_CASE(
    "ErrorPolicy: too much slows the number, trouble at the provider stops it; who pays a try",
    "[whatsapp]") {
  const auto of = [](int code) { return ErrorPolicy::BuiltIn().For(code); };
  for (const int code : {4, 80007, 130429, 131057}) {
    CAPTURE(code);
    CHECK(of(code).signal == ErrorSignal::kRate);
    CHECK_FALSE(of(code).costs_try);
  }
  for (const int code : {1, 2, 131000, 131016}) {
    CAPTURE(code);
    CHECK(of(code).signal == ErrorSignal::kOutage);
  }
  // These two may be the message's own fault, and would be tried for ever.
  CHECK(of(1).costs_try);
  CHECK(of(131000).costs_try);
  CHECK_FALSE(of(131056).costs_try);
  CHECK_FALSE(of(190).costs_try);
  CHECK(of(131026).costs_try);
}

TEST_CASE("ErrorPolicy: an unknown code is judged by the HTTP status, with an alert",
          "[whatsapp]") {
  const auto of = [](int status) { return ErrorPolicy::BuiltIn().For(999999, status); };
  CHECK(of(400).action == ErrorAction::kFinal);
  CHECK(of(404).action == ErrorAction::kFinal);
  CHECK(of(401).action == ErrorAction::kStopSender);
  CHECK(of(403).action == ErrorAction::kPauseSender);
  CHECK(of(429).action == ErrorAction::kRetryBackoffSlowSender);
  CHECK(of(429).signal == ErrorSignal::kRate);
  CHECK_FALSE(of(429).costs_try);
  for (const int status : {0, 400, 401, 403, 404, 429}) {
    CAPTURE(status);
    CHECK(of(status).alert);
    CHECK_FALSE(of(status).known);
  }
  // A known code means the same whatever the status.
  CHECK(ErrorPolicy::BuiltIn().For(131026, 429).action == ErrorAction::kNotReachable);
  const auto policy = ErrorPolicy::Parse(
      R"({"unknown_by_status": [{"status": 404, "action": "STOP_SENDER"},
                               {"status": 429, "action": "FINAL", "alert": false}]})",
      "rules.json");
  REQUIRE_THAT(policy, IsOk());
  CHECK(policy->For(999999, 404).action == ErrorAction::kStopSender);
  CHECK(policy->For(999999, 429).action == ErrorAction::kFinal);
  CHECK_FALSE(policy->For(999999, 429).alert);
  CHECK(policy->For(999999, 401).action == ErrorAction::kStopSender);
}

TEST_CASE("ErrorPolicy: an unknown code is final, with an alert", "[whatsapp]") {
  for (const int code : {5, 101, 199, 300, 131001, 132002, 999999, -1}) {  // from a webhook
    CAPTURE(code);
    const ErrorDecision decision = ErrorPolicy::BuiltIn().For(code);
    CHECK_FALSE(decision.known);
    CHECK(decision.action == ErrorAction::kFinal);
    CHECK(decision.alert);
  }
}

TEST_CASE("ErrorPolicy: a file's rules lie over the built-in table", "[whatsapp]") {
  const auto policy = ErrorPolicy::Parse(R"({
    "rules": [
      {"codes": "131049", "action": "NOT_REACHABLE", "fallback": false, "note": "until June"},
      {"codes": "240-245, 555", "action": "RETRY_RECIPIENT", "alert": true},
      {"codes": "556", "action": "RETRY_BACKOFF_SLOW_SENDER", "signal": "OUTAGE",
       "first_wait_s": 7, "longest_wait_s": 70, "costs_try": false},
      {"codes": "557", "action": "RETRY_BACKOFF_SLOW_SENDER"},
      {"codes": 131050, "action": "FINAL"}],
    "unknown": {"action": "AMBIGUOUS"}})",
                                         "rules.json");
  REQUIRE_THAT(policy, IsOk());
  CHECK(policy->For(131049).action == ErrorAction::kNotReachable);
  CHECK_FALSE(policy->For(131049).fallback);
  CHECK(policy->For(240).action == ErrorAction::kRetryRecipient);
  CHECK(policy->For(555).alert);
  CHECK(policy->For(556).signal == ErrorSignal::kOutage);
  CHECK(policy->For(556).first_wait == absl::Seconds(7));
  CHECK(policy->For(556).longest_wait == absl::Seconds(70));
  CHECK_FALSE(policy->For(556).costs_try);
  CHECK(policy->For(557).signal == ErrorSignal::kRate);
  CHECK(policy->For(557).first_wait == absl::Seconds(2));
  CHECK(policy->For(557).costs_try);
  CHECK(policy->For(246).action == ErrorAction::kStopSender);
  CHECK(policy->For(131050).action == ErrorAction::kFinal);
  CHECK(policy->For(131026).action == ErrorAction::kNotReachable);
  CHECK(policy->For(777).action == ErrorAction::kAmbiguous);
  CHECK_FALSE(policy->IsKnown(777));
  CHECK_FALSE(policy->For(777).alert);
}

TEST_CASE("ErrorPolicy: a wrong file is refused and says where", "[whatsapp]") {
  const auto fault = [](const char* json) {
    return ErrorPolicy::Parse(json, "rules.json").status();
  };
  CHECK_THAT(fault("{\n \"rules\": [\n}"), StatusIs(kInvalid, "rules.json: not JSON"));
  CHECK_THAT(fault("{\n \"rules\": [\n}"), StatusIs(kInvalid, "line 3"));
  CHECK_THAT(fault("[]"), StatusIs(kInvalid, "object"));
  CHECK_THAT(fault(R"({"rule": []})"), StatusIs(kInvalid, "unknown field \"rule\""));
  CHECK_THAT(fault(R"({"rules": {}})"), StatusIs(kInvalid, "rules: must be an array"));
  CHECK_THAT(fault(R"({"rules": [1]})"), StatusIs(kInvalid, "rules[0]: must be an object"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1", "action": "FINAL"}, {"action": "FINAL"}]})"),
             StatusIs(kInvalid, "rules[1].codes: is missing"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1-x", "action": "FINAL"}]})"),
             StatusIs(kInvalid, "rules[0].codes: \"1-x\""));
  CHECK_THAT(fault(R"({"rules": [{"codes": "9-5", "action": "FINAL"}]})"),
             StatusIs(kInvalid, "rules[0].codes"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1"}]})"), StatusIs(kInvalid, "rules[0].action"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1", "action": "RETRY"}]})"),
             StatusIs(kInvalid, "unknown action \"RETRY\"; known are RETRY_BACKOFF_SLOW_SENDER"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1", "action": "FINAL", "alert": 1}]})"),
             StatusIs(kInvalid, "rules[0].alert"));
  CHECK_THAT(fault(R"({"rules": [{"codes": "1-5", "action": "FINAL"},
                                 {"codes": "4, 9", "action": "OPT_OUT"}]})"),
             StatusIs(kInvalid, "rules[1]: codes 4-4 stand in two rules"));
  CHECK_THAT(fault(R"({"unknown": {"action": "NO"}})"), StatusIs(kInvalid, "unknown.action"));
  CHECK_THAT(fault(R"({"unknown": {"action": "FINAL", "signal": "LOUD"}})"),
             StatusIs(kInvalid, "unknown.signal: must be"));
  CHECK_THAT(fault(R"({"unknown": {"action": "FINAL", "first_wait_s": -1}})"),
             StatusIs(kInvalid, "unknown.first_wait_s: must be whole seconds"));
  CHECK_THAT(fault(R"({"unknown_by_status": [{"status": 503, "action": "FINAL"}]})"),
             StatusIs(kInvalid, "unknown_by_status[0].status: must be an HTTP status"));
}

TEST_CASE("ErrorPolicy: files", "[whatsapp]") {
  testing::TempDir dir;
  const std::string path =
      dir.WriteFile("rules.json", R"({"rules":[{"codes":"7","action":"OPT_OUT"}]})");
  const auto policy = ErrorPolicy::LoadFile(path);
  REQUIRE_THAT(policy, IsOk());
  CHECK(policy->For(7).action == ErrorAction::kOptOut);
  CHECK_THAT(ErrorPolicy::LoadFile(dir.File("none.json")),
             StatusIs(absl::StatusCode::kNotFound, "none.json"));
}

TEST_CASE("ErrorActionName and ParseErrorAction: inverse of each other", "[whatsapp]") {
  for (int i = 0; i <= static_cast<int>(ErrorAction::kAmbiguous); ++i) {
    const auto action = static_cast<ErrorAction>(i);
    CHECK(ParseErrorAction(ErrorActionName(action)) == action);
  }
  CHECK_FALSE(ParseErrorAction("final").has_value());
}

TEST_CASE("PairRetryDelay: 4^n seconds, at most an hour", "[whatsapp]") {
  CHECK(PairRetryDelay(0) == absl::Seconds(4));
  CHECK(PairRetryDelay(1) == absl::Seconds(4));
  CHECK(PairRetryDelay(2) == absl::Seconds(16));
  CHECK(PairRetryDelay(5) == absl::Seconds(1024));
  CHECK(PairRetryDelay(6) == absl::Hours(1));
  CHECK(PairRetryDelay(1000) == absl::Hours(1));
}

}  // namespace
}  // namespace kabar::whatsapp
