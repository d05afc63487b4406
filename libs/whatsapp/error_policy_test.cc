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
      {{100, 131008, 131009, 131051}, ErrorAction::kRequestWrong, true, false},
  };
  for (const Row& row : rows) {
    for (const int code : row.codes) {
      CAPTURE(code);
      const ErrorDecision decision = ErrorPolicy::BuiltIn().For(code);
      CHECK(decision.known);
      CHECK(ErrorActionName(decision.action) == ErrorActionName(row.action));
      CHECK(decision.alert == row.alert);
      CHECK(decision.fallback == row.fallback);
    }
  }
}

TEST_CASE("ErrorPolicy: an unknown code is final, with an alert", "[whatsapp]") {
  for (const int code : {5, 101, 199, 300, 131001, 132002, 999999, -1}) {
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
      {"codes": 131050, "action": "FINAL"}],
    "unknown": {"action": "AMBIGUOUS"}})",
                                         "rules.json");
  REQUIRE_THAT(policy, IsOk());
  CHECK(policy->For(131049).action == ErrorAction::kNotReachable);
  CHECK_FALSE(policy->For(131049).fallback);
  CHECK(policy->For(240).action == ErrorAction::kRetryRecipient);
  CHECK(policy->For(555).alert);
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
