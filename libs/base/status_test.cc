#include "libs/base/status.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "libs/testing/status_matchers.h"

namespace kabar::base {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

TEST_CASE("Error: carries code, reason and message", "[status]") {
  absl::Status status = Error(absl::StatusCode::kFailedPrecondition, "CAMPAIGN_FINISHED", "no");
  CHECK_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "no"));
  CHECK(GetReason(status) == "CAMPAIGN_FINISHED");
  CHECK(GetReason(absl::OkStatus()).empty());
  CHECK(GetReason(absl::InternalError("x")).empty());
}

TEST_CASE("InvalidField: names the field in message and violation", "[status]") {
  absl::Status status = InvalidField("schedule.rate", "unknown unit");
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "schedule.rate: unknown unit"));
  CHECK_THAT(status, ReasonIs("INVALID_FIELD"));
  CHECK(GetFieldViolations(status) ==
        std::vector<FieldViolation>{{"schedule.rate", "unknown unit"}});
}

TEST_CASE("AddFieldViolation: keeps every violation, in order", "[status]") {
  absl::Status status;
  std::vector<FieldViolation> expected;
  for (int i = 0; i < 12; ++i) {
    expected.push_back({"field" + std::to_string(i), "fault " + std::to_string(i)});
    AddFieldViolation(status, expected.back().field, expected.back().description);
  }
  CHECK(GetFieldViolations(status) == expected);
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "field0: fault 0; field1"));
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "field11: fault 11"));
}

TEST_CASE("WithMeta: adds pairs, leaves OK alone", "[status]") {
  absl::Status status = WithMeta(
      WithMeta(Error(absl::StatusCode::kNotFound, "X", "m"), "template", "t1"), "line", "3");
  CHECK(GetMeta(status, "line") == "3");
  CHECK(GetMeta(status, "column").empty());
  CHECK(GetAllMeta(status) ==
        std::vector<std::pair<std::string, std::string>>{{"line", "3"}, {"template", "t1"}});
  CHECK_THAT(WithMeta(absl::OkStatus(), "a", "b"), IsOk());
}

TEST_CASE("Annotate: adds context and keeps payloads", "[status]") {
  absl::Status status = Annotate(WithMeta(InvalidField("a", "b"), "k", "v"), "row 7");
  CHECK(std::string(status.message()) == "row 7: a: b");
  CHECK_THAT(status, ReasonIs("INVALID_FIELD"));
  CHECK_THAT(status, HasFieldViolation("a"));
  CHECK(GetMeta(status, "k") == "v");
  CHECK_THAT(Annotate(absl::OkStatus(), "row 7"), IsOk());
}

absl::StatusOr<std::unique_ptr<int>> Make(int value) {
  if (value < 0) return Error(absl::StatusCode::kOutOfRange, "NEGATIVE", "below zero");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b) {
  KABAR_ASSIGN_OR_RETURN(std::unique_ptr<int> first, Make(a));
  std::unique_ptr<int> second;
  KABAR_ASSIGN_OR_RETURN(second, Make(b));
  KABAR_RETURN_IF_ERROR(*first + *second > 10 ? absl::ResourceExhaustedError("too much")
                                              : absl::OkStatus());
  return *first + *second;
}

TEST_CASE("KABAR_ASSIGN_OR_RETURN: assigns move-only values and passes errors on", "[status]") {
  CHECK(*Sum(2, 3) == 5);
  CHECK_THAT(Sum(-1, 3), ReasonIs("NEGATIVE"));
  CHECK_THAT(Sum(1, -3), ReasonIs("NEGATIVE"));
  CHECK_THAT(Sum(6, 6), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_CASE("Status matchers: can fail", "[status]") {
  CHECK_THAT(absl::InternalError("x"), !IsOk());
  CHECK_THAT(absl::OkStatus(), !StatusIs(absl::StatusCode::kInternal));
  CHECK_THAT(absl::InternalError("x"), !StatusIs(absl::StatusCode::kInternal, "y"));
  CHECK_THAT(absl::OkStatus(), !ReasonIs(""));
  CHECK_THAT(InvalidField("a", "b"), !HasFieldViolation("b"));
}

}  // namespace
}  // namespace kabar::base
