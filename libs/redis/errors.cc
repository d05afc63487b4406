#include "libs/redis/errors.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"

namespace kabar::redis {
namespace {

// Redis looks at these before a command, and before a script's first write, never after one.
constexpr absl::string_view kRefusals[] = {
    "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED",     "ASK",       "READONLY",
    "OOM",     "MISCONF",    "BUSY",        "NOAUTH",   "WRONGPASS", "NOREPLICAS"};

absl::StatusCode CodeOf(absl::string_view word, absl::string_view error) {
  if (word == "NOSCRIPT") return absl::StatusCode::kNotFound;
  if (word == "NOPERM") return absl::StatusCode::kPermissionDenied;
  if (std::find(std::begin(kRefusals), std::end(kRefusals), word) != std::end(kRefusals)) {
    return absl::StatusCode::kUnavailable;
  }
  // A command that failed inside a script says so; what ran before it stays done.
  const bool in_script = absl::StrContains(error, "script: ") || absl::StrContains(error, "Script");
  if (!in_script && (word == "ERR" || word == "WRONGTYPE")) {
    return absl::StatusCode::kInvalidArgument;
  }
  return absl::StatusCode::kInternal;
}

}  // namespace

absl::Status StatusOfErrorReply(absl::string_view command, absl::string_view error) {
  const absl::string_view word = error.substr(0, error.find(' '));
  return base::WithMeta(base::Error(CodeOf(word, error), "REDIS_ERROR",
                                    absl::StrCat("Redis refused ", command, ": ", error)),
                        "redis_error", word);
}

bool DefinitelyNotExecuted(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

}  // namespace kabar::redis
