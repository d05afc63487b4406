#include "libs/rpc/status.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/base/status.h"

namespace kabar::rpc {

TEST_CASE("ToGrpc and ToAbsl: reason, metadata and violations survive the way", "[rpc]") {
  absl::Status status = base::Error(absl::StatusCode::kFailedPrecondition, "CAMPAIGN_FINISHED",
                                    "the campaign is finished; copy it");
  status = base::WithMeta(status, "campaign", "cmp_1");
  base::AddFieldViolation(status, "rate", "unknown unit");
  base::AddFieldViolation(status, "schedule.start_time", "lies in the past");

  const absl::Status back = ToAbsl(ToGrpc(status));
  CHECK(back.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(back.message() == status.message());
  CHECK(base::GetReason(back) == "CAMPAIGN_FINISHED");
  CHECK(base::GetMeta(back, "campaign") == "cmp_1");
  CHECK(base::GetFieldViolations(back) == base::GetFieldViolations(status));
}

TEST_CASE("ToGrpc: every error carries an ErrorInfo of domain kabar", "[rpc]") {
  const grpc::Status status = ToGrpc(absl::NotFoundError("no such lane"));
  google::rpc::Status details;
  REQUIRE(details.ParseFromString(status.error_details()));
  CHECK(details.code() == static_cast<int>(grpc::StatusCode::NOT_FOUND));
  CHECK(details.message() == status.error_message());
  REQUIRE(details.details_size() == 1);
  google::rpc::ErrorInfo info;
  REQUIRE(details.details(0).UnpackTo(&info));
  CHECK(info.reason() == "NOT_FOUND");
  CHECK(info.domain() == "kabar");
}

TEST_CASE("ToGrpc: OK is OK, also back", "[rpc]") {
  CHECK(ToGrpc(absl::OkStatus()).ok());
  CHECK(ToAbsl(grpc::Status::OK).ok());
}

TEST_CASE("ToGrpc: stays below the metadata limit and valid UTF-8", "[rpc]") {
  absl::Status status =
      base::Error(absl::StatusCode::kInvalidArgument, "TOO_MUCH", std::string(5000, 'x') + "\xff");
  for (int i = 0; i < 500; ++i) {
    base::AddFieldViolation(status, absl::StrCat("rows[", i, "]"), "\xc3 is half a letter");
  }
  const grpc::Status sent = ToGrpc(status);
  CHECK(sent.error_message().size() <= 1024);
  CHECK(sent.error_details().size() < 4000);
  const auto violations = base::GetFieldViolations(ToAbsl(sent));
  REQUIRE(violations.size() > 5);
  CHECK(violations[0].description == "? is half a letter");
  const size_t shown = violations.size() - 1;
  CHECK(violations.back().description == absl::StrCat("and ", 500 - shown, " more"));
}

TEST_CASE("ToAbsl: a status of a server that is not ours keeps code and message", "[rpc]") {
  const absl::Status status =
      ToAbsl(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connect failed", "not a proto"));
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(status.message() == "connect failed");
  CHECK(base::GetReason(status).empty());
}

}  // namespace kabar::rpc
