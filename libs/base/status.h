// Errors that say what, where and what to do, carried as payloads of absl::Status so that no
// caller needs protobuf. libs/rpc turns them into google.rpc.ErrorInfo and BadRequest and back.
//
//   return Error(absl::StatusCode::kFailedPrecondition, "CAMPAIGN_FINISHED",
//                "the campaign is finished; copy it to send again");
//   return InvalidField("rate", "45/mim: unknown unit at 4; use s, min, h or d");
//
// Thread safety: free functions. Blocks: no. Errors: they are the subject.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::base {

// The payloads' type URLs: the reason; kabar/meta/<key> each; kabar/field/<n> each.
inline constexpr char kReasonUrl[] = "kabar/reason";
inline constexpr char kMetaUrlPrefix[] = "kabar/meta/";
inline constexpr char kFieldUrlPrefix[] = "kabar/field/";

// The reason of every status that InvalidField made.
inline constexpr char kInvalidFieldReason[] = "INVALID_FIELD";

struct FieldViolation {
  std::string field;
  std::string description;

  bool operator==(const FieldViolation&) const = default;
};

// `reason` is UPPER_SNAKE and part of the contract; `message` is for people.
absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message);

// INVALID_ARGUMENT with one field violation; the field is a path as in the request
// ("schedule.start_time").
absl::Status InvalidField(absl::string_view field, absl::string_view description);

// Adds one more violation, so that all faults of a request are told at once. An OK status becomes
// InvalidField(field, description).
void AddFieldViolation(absl::Status& status, absl::string_view field,
                       absl::string_view description);

// The same status with a metadata pair. OK stays OK.
absl::Status WithMeta(absl::Status status, absl::string_view key, absl::string_view value);

// The same status with "`context`: " before its message; payloads are kept. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Empty when there is none.
std::string GetReason(const absl::Status& status);
std::string GetMeta(const absl::Status& status, absl::string_view key);
// Sorted by key.
std::vector<std::pair<std::string, std::string>> GetAllMeta(const absl::Status& status);
// In the order in which they were added.
std::vector<FieldViolation> GetFieldViolations(const absl::Status& status);

}  // namespace kabar::base

#define KABAR_STATUS_CONCAT_INNER(a, b) a##b
#define KABAR_STATUS_CONCAT(a, b) KABAR_STATUS_CONCAT_INNER(a, b)

// Returns the status of `expr` (an absl::Status) unless it is OK.
#define KABAR_RETURN_IF_ERROR(expr)                                 \
  do {                                                              \
    if (absl::Status kabar_status_ = (expr); !kabar_status_.ok()) { \
      return kabar_status_;                                         \
    }                                                               \
  } while (false)

// KABAR_ASSIGN_OR_RETURN(auto value, Parse(text)); `lhs` may declare or assign. A type with a
// comma in it needs brackets or `auto`.
#define KABAR_ASSIGN_OR_RETURN(lhs, expr) \
  KABAR_ASSIGN_OR_RETURN_INNER(KABAR_STATUS_CONCAT(kabar_status_or_, __LINE__), lhs, expr)
#define KABAR_ASSIGN_OR_RETURN_INNER(temporary, lhs, expr) \
  auto temporary = (expr);                                 \
  if (!temporary.ok()) {                                   \
    return std::move(temporary).status();                  \
  }                                                        \
  lhs = *std::move(temporary)
