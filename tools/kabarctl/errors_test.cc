#include "tools/kabarctl/errors.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/command.h"

namespace kabar::kabarctl {
namespace {

Command Create() {
  return {.noun = "campaigns",
          .verb = "create",
          .summary = "",
          .positionals = {{"NAME", "", "campaign.name"}},
          .options = {{.name = "rate", .value = "RATE", .field = "campaign.rate"},
                      {.name = "template", .value = "CODE", .field = "campaign.template_id"}}};
}

// As it arrives: over the wire and back.
absl::Status Arrived(const absl::Status& status) {
  return FromCall(rpc::ToAbsl(rpc::ToGrpc(status)), "campaigns", "127.0.0.1:7004",
                  absl::Seconds(30));
}

TEST_CASE("ErrorSentence: a refused field is named by its option", "[kabarctl]") {
  const Command create = Create();
  const absl::Status status =
      Arrived(base::InvalidField("campaign.rate", "45/mim: unknown unit at 4; use s, min, h or d"));
  CHECK(ErrorSentence(status, &create) == "--rate: 45/mim: unknown unit at 4; use s, min, h or d");
  CHECK(ErrorSentence(status, nullptr) ==
        "campaign.rate: 45/mim: unknown unit at 4; use s, min, h or d");
  CHECK(ExitCode(status) == kExitRefused);
}

TEST_CASE("ErrorSentence: tells all fields at once", "[kabarctl]") {
  const Command create = Create();
  absl::Status status = base::InvalidField("campaign.name", "is required");
  base::AddFieldViolation(status, "campaign.sender_id", "is required");
  CHECK(ErrorSentence(Arrived(status), &create) ==
        "NAME: is required; campaign.sender_id: is required");
}

TEST_CASE("ErrorSentence: a refusal has its reason behind it", "[kabarctl]") {
  const absl::Status status = Arrived(base::Error(absl::StatusCode::kFailedPrecondition,
                                                  "WRONG_CAMPAIGN_STATE", "campaign x is DRAFT"));
  CHECK(ErrorSentence(status, nullptr) == "campaign x is DRAFT [WRONG_CAMPAIGN_STATE]");
  CHECK(ExitCode(status) == kExitRefused);
}

TEST_CASE("ErrorSentence: nobody there", "[kabarctl]") {
  const absl::Status status =
      FromCall(absl::UnavailableError("all failing; last error: UNKNOWN: x: Connection refused"),
               "campaigns", "127.0.0.1:7004", absl::Seconds(30));
  CHECK(ErrorSentence(status, nullptr) ==
        "campaigns cannot be reached at 127.0.0.1:7004 (Connection refused); start it, or give its "
        "address in KABAR_CAMPAIGNS_ADDRESS or --campaigns-address");
  CHECK(ExitCode(status) == kExitUnreachable);
}

TEST_CASE("ErrorSentence: no answer in time", "[kabarctl]") {
  const absl::Status status = FromCall(absl::DeadlineExceededError("Deadline Exceeded"),
                                       "campaigns", "127.0.0.1:7004", absl::Seconds(30));
  CHECK(ErrorSentence(status, nullptr) ==
        "campaigns at 127.0.0.1:7004 did not answer within 30s; try again, or give it more time "
        "with --timeout");
  CHECK(ExitCode(status) == kExitUnreachable);
}

TEST_CASE("ErrorSentence: a service that cannot work now says so itself", "[kabarctl]") {
  const absl::Status status =
      Arrived(base::Error(absl::StatusCode::kUnavailable, "DATABASE_AWAY", "the database is away"));
  CHECK(ErrorSentence(status, nullptr) ==
        "the database is away; try again in a moment [DATABASE_AWAY]");
  CHECK(ExitCode(status) == kExitUnreachable);
}

TEST_CASE("ErrorSentence: a wrong key", "[kabarctl]") {
  const absl::Status status = Arrived(
      base::Error(absl::StatusCode::kUnauthenticated, "API_KEY_UNKNOWN", "this key is not known"));
  CHECK(ErrorSentence(status, nullptr) ==
        "this key is not known; check KABAR_API_KEY or --api-key-file [API_KEY_UNKNOWN]");
  CHECK(ExitCode(status) == kExitRefused);
}

TEST_CASE("ErrorSentence: one line, a hint at its end", "[kabarctl]") {
  absl::Status status = base::Error(absl::StatusCode::kAborted, "X", "a\nb\x1b[1m");
  status = WithHint(status, "import again");
  CHECK(ErrorSentence(status, nullptr) == "a b?[1m [X]; import again");
}

TEST_CASE("ErrorSentence: wrong usage has exit code 2 and no reason", "[kabarctl]") {
  CHECK(ErrorSentence(UsageError("--rate is given twice"), nullptr) == "--rate is given twice");
  CHECK(ExitCode(UsageError("x")) == kExitUsage);
  CHECK(ExitCode(absl::OkStatus()) == kExitOk);
}

TEST_CASE("ErrorJson: code, reason, sentence and fields", "[kabarctl]") {
  const Command create = Create();
  const auto json =
      nlohmann::json::parse(ErrorJson(Arrived(base::InvalidField("rate", "is wrong")), &create));
  CHECK(json["error"]["code"] == "INVALID_ARGUMENT");
  CHECK(json["error"]["reason"] == "INVALID_FIELD");
  CHECK(json["error"]["message"] == "--rate: is wrong");
  REQUIRE(json["error"]["fields"].size() == 1);
  CHECK(json["error"]["fields"][0]["field"] == "rate");
  CHECK(json["error"]["fields"][0]["option"] == "--rate");
  CHECK(json["error"]["fields"][0]["description"] == "is wrong");
}

}  // namespace
}  // namespace kabar::kabarctl
